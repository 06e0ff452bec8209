// Turns rows into changes: what is new by its id, what has moved by what was known of it before.
import { type ChangesRead, MOST_ROWS, readChanges } from '../../db/changes/read-changes.ts';
import { utcToIso } from '../../db/rows.ts';
import type { Row, Session } from '../../db/session.ts';
import { settingRow } from '../../db/settings/read-settings.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { Change, ChangeType, DeviceStatus, TaskEnded, TaskStarted } from './change.ts';
import { EndedBatches } from './ended-batches.ts';
import { IdCursor } from './id-cursor.ts';
import { isOpen, OpenAttempts } from './open-attempts.ts';

/** Changes of one kind that a round tells one by one. */
export const MOST_TOLD = 200;
/** All open attempts are read this often: those whose ids were passed over are found again. */
const ALL_OPEN_MS = 60_000;

export class ChangeReader {
  readonly #names: TableNames;
  readonly #tasks = new IdCursor();
  readonly #attempts = new IdCursor();
  readonly #ends = new IdCursor();
  readonly #batches = new EndedBatches();
  readonly #open = new OpenAttempts();
  readonly #devices = new Map<number, DeviceStatus>();
  #devicesAfter = 0;
  /** Every device has been read once. */
  #devicesKnown = false;
  #leader: string | undefined;
  #settings: Map<string, string> | undefined;
  #allOpenAt: number | undefined;

  constructor(names: TableNames) {
    this.#names = names;
  }

  /** One batch. The first round tells nothing: it reads what there is. @throws DatabaseError */
  async round(session: Session, now: number): Promise<{ as_of: string; changes: Change[] }> {
    const first = this.#allOpenAt === undefined;
    const allOpen = first || now - this.#allOpenAt! >= ALL_OPEN_MS;
    const read = await readChanges(session, this.#names, {
      // Everything that is there by now is passed over by an id that no row has.
      tasks: first ? NOTHING : this.#tasks,
      attempts: first ? NOTHING : this.#attempts,
      ends: first ? NOTHING : this.#ends,
      batchesSince: this.#batches.since,
      ...this.#open.next(),
      devicesAfter: this.#devicesAfter,
      allOpen,
    });
    const told = new Told();
    if (first) {
      this.#tasks.begin(read.top.tasks);
      this.#attempts.begin(read.top.attempts);
      this.#ends.begin(read.top.ends);
    } else this.#rows(read, told, now);
    const batches = this.#batches.take(read.batches, read.now);
    for (const one of batches.fresh) told.add(one);
    if (batches.overflowed) told.more('batch.ended');
    if (read.open !== undefined) this.#open.replace(read.open, !first);
    if (allOpen) this.#allOpenAt = now;
    this.#readDevices(read.devices, told);
    this.#readLeader(read.leader, told);
    this.#readSettings(read.settings, told);
    return { as_of: utcToIso(read.now) ?? '', changes: told.changes() };
  }

  #rows(read: ChangesRead, told: Told, now: number): void {
    const tasks = this.#tasks.take(read.tasks, read.top.tasks, now);
    for (const row of tasks.fresh) told.add(createdOf(row));
    if (tasks.overflowed) told.more('task.created');
    const attempts = this.#attempts.take(read.attempts, read.top.attempts, now);
    for (const row of attempts.fresh) {
      if (isOpen(row.status)) {
        this.#open.watch(row.id, row.status);
        if (row.status === 'running') told.add(startedOf(row));
      } else told.add(endedOf(row));
    }
    if (attempts.overflowed) {
      told.more('task.started');
      told.more('task.ended');
      // Those that are open among what was passed over.
      this.#allOpenAt = Number.NEGATIVE_INFINITY;
    }
    for (const row of read.moved) {
      if (isOpen(row.status)) {
        if (this.#open.status(row.id) === 'assigned') told.add(startedOf(row));
        this.#open.watch(row.id, row.status);
      } else if (this.#open.end(row.id) !== undefined) told.add(endedOf(row));
    }
    const ends = this.#ends.take(read.ends, read.top.ends, now);
    for (const row of ends.fresh) told.add(withoutAttempt(row));
    if (ends.overflowed) told.more('task.ended');
  }

  /** A part of the devices in each round, by id; after the last part it begins again. */
  #readDevices(rows: Row[], told: Told): void {
    const isLast = rows.length < MOST_ROWS;
    const upTo = isLast ? Number.POSITIVE_INFINITY : Number(rows.at(-1)?.id);
    const there = new Set(rows.map((row) => Number(row.id)));
    for (const [id, device] of this.#devices) {
      if (id <= this.#devicesAfter || id > upTo || there.has(id)) continue;
      this.#devices.delete(id);
      told.add({ ...device, status: null, operator_state: null });
    }
    for (const row of rows) {
      const { device_id, device_type, status, operator_state } = row;
      const device: DeviceStatus = { type: 'device.status', device_id, device_type, status, operator_state };
      const before = this.#devices.get(Number(row.id));
      this.#devices.set(Number(row.id), device);
      const same = before?.status === status && before?.operator_state === operator_state;
      if (!same && (before !== undefined || this.#devicesKnown)) told.add(device);
    }
    this.#devicesAfter = isLast ? 0 : upTo;
    this.#devicesKnown ||= isLast;
  }

  #readLeader(row: Row | undefined, told: Told): void {
    const leader = { device_id: row?.holder ?? null, term: Number(row?.term ?? 0) };
    const text = JSON.stringify(leader);
    if (this.#leader !== undefined && this.#leader !== text) told.add({ type: 'leader.changed', ...leader });
    this.#leader = text;
  }

  #readSettings(rows: Row[], told: Told): void {
    const before = this.#settings;
    const now = new Map(rows.map((row) => [String(row.name), String(row.value)]));
    this.#settings = now;
    if (before === undefined) return;
    for (const row of rows) {
      const { name, value } = settingRow(row);
      if (before.get(name) !== String(row.value)) told.add({ type: 'setting.changed', name, value });
    }
    for (const name of before.keys()) if (!now.has(name)) told.add({ type: 'setting.changed', name, value: null });
  }
}

const NOTHING = { after: Number.MAX_SAFE_INTEGER, missing: [] };

/** The changes of a round, of each kind a limited number. */
class Told {
  readonly #changes: Change[] = [];
  readonly #counts = new Map<string, number>();
  readonly #unknown = new Set<string>();

  add(change: Change): void {
    const count = (this.#counts.get(change.type) ?? 0) + 1;
    this.#counts.set(change.type, count);
    if (count <= MOST_TOLD) this.#changes.push(change);
  }

  /** There were more, and nobody has counted them. */
  more(type: ChangeType): void {
    this.#unknown.add(type);
  }

  changes(): Change[] {
    const types = new Set([...this.#counts.keys(), ...this.#unknown]);
    const overflows = [...types].flatMap((of): Change[] => {
      if (this.#unknown.has(of)) return [{ type: 'overflow', of, count: null }];
      const count = (this.#counts.get(of) ?? 0) - MOST_TOLD;
      return count > 0 ? [{ type: 'overflow', of, count }] : [];
    });
    return [...this.#changes, ...overflows];
  }
}

function createdOf(row: Row): Change {
  return {
    type: 'task.created',
    task_id: String(row.id),
    task_type: row.task_type,
    status: row.status,
    parent_id: row.parent_id === null ? null : String(row.parent_id),
    created_at: utcToIso(row.created_at),
  };
}

function startedOf(row: Row): TaskStarted {
  return {
    type: 'task.started',
    task_id: String(row.task_id),
    task_type: row.task_type,
    attempt: row.attempt,
    device_id: row.device_id,
    started_at: utcToIso(row.started_at),
  };
}

function endedOf(row: Row): TaskEnded {
  return {
    type: 'task.ended',
    task_id: String(row.task_id),
    task_type: row.task_type,
    attempt: row.attempt,
    device_id: row.device_id,
    attempt_status: row.status,
    task_status: row.task_status,
    cause: row.cause,
    error_message: row.error_message,
    ended_at: utcToIso(row.completed_at),
  };
}

function withoutAttempt(row: Row): TaskEnded {
  return {
    type: 'task.ended',
    task_id: String(row.task_id),
    task_type: row.task_type,
    attempt: null,
    device_id: null,
    attempt_status: null,
    task_status: row.status,
    cause: row.cause,
    error_message: null,
    ended_at: utcToIso(row.ended_at),
  };
}
