// From new tasks to rings: which lanes they are in, how many of each, and who is there to be rung.

import { ringTargets, ringTargetsStatement } from '../db/devices/ring-targets.ts';
import { Piggybacked } from '../db/piggyback.ts';
import { fromJson } from '../db/rows.ts';
import type { Row, Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { claimableTask, claimableTasksStatement } from '../db/tasks/claimable-tasks.ts';
import { spellJsonStatement } from '../db/tasks/spell-json.ts';
import { requirementsText } from '../db/tasks/task-values.ts';
import { claimRank, laneKey, laneRankKey } from '../domain/lane.ts';
import type { NewTask } from '../domain/task/task.ts';
import { monotonic } from '../runtime/clock.ts';
import type { RingSender, RingWork } from './ring-sender.ts';

/** Texts of requirements whose spelling is remembered. */
const MOST_SPELLINGS = 1000;

/** The reads of one call that makes work, and the rings after it. */
export interface Notice {
  /** To be sent with the first statement of the call. */
  piggybacked: Piggybacked;
  /** While they are being written: devices of this process that have room for all of them are woken now, and claim then. */
  expect(): void;
  /** Rings for those that are in. Call it after COMMIT. */
  ring(tasks: NewTask[]): void;
  /** At the end, whatever came of it. */
  over(): void;
}

/** Devices that wait for work in this very process: they need no datagram. */
export interface Near {
  /** Tasks of this work that they have room for now, `work.n` at most. */
  room(work: RingWork): number;
  /**
   * Wakes some of them for this work, for all of which there is room, while it is being written. The claim of each waits, for a
   * while, for the call of the returned function, which says whether it is committed.
   */
  expect(work: RingWork): (written: boolean) => void;
  /** Wakes some of them for this work, which is committed; returns for how many tasks. */
  wake(work: RingWork): number;
}

export class Notifier {
  readonly ringSender: RingSender;
  readonly #names: TableNames;
  readonly #near: Near | undefined;
  readonly #spelled = new Map<string, string>();

  constructor(ringSender: RingSender, names: TableNames, near?: Near) {
    this.ringSender = ringSender;
    this.#names = names;
    this.#near = near;
  }

  /** What must be read before devices can be rung for tasks like these; nothing when it is known. */
  prepare(session: Session, tasks: NewTask[]): Notice {
    const unknown = this.#unknown(session, tasks);
    const near = unknown.length === 0 ? this.#nearWorks(session, tasks) : [];
    const stale = this.ringSender.view.stale && near.length === 0;
    const readAt = monotonic();
    let expected: Array<(written: boolean) => void> = [];
    const end = (written: boolean) => {
      for (const one of expected.splice(0)) one(written);
    };
    const carried = new Piggybacked([
      ...(stale ? [ringTargetsStatement(this.#names)] : []),
      ...(unknown.length > 0 ? [spellJsonStatement(unknown)] : []),
    ]);
    return {
      piggybacked: carried,
      expect: () =>
        this.ringSender.quietly(() => {
          // Of a task with a key it is not known whether it is new.
          if (tasks.every((one) => one.dedupe_key == null)) expected = near.map((work) => this.#near!.expect(work));
        }),
      over: () => end(false),
      ring: (created) =>
        this.ringSender.quietly(() => {
          if (expected.length > 0) return end(true);
          const results = [...(carried.results ?? [])];
          const rows = stale ? results.shift() : undefined;
          if (rows !== undefined) this.ringSender.view.update(ringTargets(rows), readAt);
          this.#learn(unknown, results[0]?.[0]);
          for (const work of this.#works(session, created)) this.#ring(work);
        }),
    };
  }

  /** Rings for tasks that are in already, with a read of its own if one is needed. @throws DatabaseError */
  async notify(session: Session, tasks: NewTask[]): Promise<void> {
    const { piggybacked: carried, ring } = this.prepare(session, tasks);
    await carried.flush(session);
    ring(tasks);
  }

  /** Rings for tasks that were put back, as they stand now. @throws DatabaseError */
  async notifyAgain(session: Session, taskIds: number[]): Promise<void> {
    if (taskIds.length === 0) return;
    const { piggybacked: carried, ring } = this.prepare(session, []);
    const { sql, values } = claimableTasksStatement(this.#names, taskIds);
    const rows = (await carried.send(session, sql, values)).map(claimableTask);
    ring([]);
    const directed = new Map<string, number>();
    const works = new Map<string, RingWork>();
    for (const { target_device_id: target, required_capabilities: text, ...lane } of rows) {
      if (target !== null) directed.set(target, (directed.get(target) ?? 0) + 1);
      else {
        const required_capabilities = fromJson(text);
        // What is no object is found by a poll, if any device can run it at all.
        if (isFields(required_capabilities)) count(works, { ...lane, required_capabilities, n: 1 });
      }
    }
    for (const [device, n] of directed) this.ringSender.ringDevice(device, n);
    for (const work of works.values()) this.#ring(work);
  }

  /** Reads the devices when what is known of them is older than a second. @throws DatabaseError */
  async refresh(session: Session): Promise<void> {
    if (!this.ringSender.view.stale) return;
    const { sql, values } = ringTargetsStatement(this.#names);
    const readAt = monotonic();
    this.ringSender.view.update(ringTargets(await session.rows(sql, values)), readAt);
  }

  /** What devices of this process have room for, if they have for all of it: then nobody else need be known. */
  #nearWorks(session: Session, tasks: NewTask[]): RingWork[] {
    const near = this.#near;
    if (near === undefined) return [];
    const works = this.#works(session, tasks);
    return works.every((work) => near.room(work) === work.n) ? works : [];
  }

  #ring(work: RingWork): void {
    const n = work.n - (this.#near?.wake(work) ?? 0);
    if (n > 0) void this.ringSender.ring({ ...work, n });
  }

  #unknown(session: Session, tasks: NewTask[]): string[] {
    if (session.facts.isMariaDb) return [];
    const texts = new Set(tasks.map(requirementsText));
    return [...texts].filter((text): text is string => text !== null && !this.#spelled.has(text));
  }

  #learn(texts: string[], row: Row | undefined): void {
    if (row === undefined) return;
    if (this.#spelled.size > MOST_SPELLINGS) this.#spelled.clear();
    for (const [n, text] of texts.entries()) this.#spelled.set(text, String(row[`text_${n}`]));
  }

  /** Tasks that are due later are left to the watcher. */
  #works(session: Session, tasks: NewTask[]): RingWork[] {
    const works = new Map<string, RingWork>();
    for (const task of tasks) {
      if (task.run_at !== null && task.run_at !== undefined) continue;
      const sent = requirementsText(task);
      const text = sent === null || session.facts.isMariaDb ? sent : this.#spelled.get(sent);
      if (text === undefined) continue;
      const { task_type, required_capabilities = null } = task;
      const lane = laneKey(task_type, text);
      count(works, { lane, claim_rank: claimRank(task.priority), task_type, required_capabilities, n: 1 });
    }
    return [...works.values()];
  }
}

function count(works: Map<string, RingWork>, one: RingWork): void {
  const key = laneRankKey(one);
  const work = works.get(key);
  if (work === undefined) works.set(key, one);
  else work.n += one.n;
}

function isFields(value: unknown): value is Record<string, unknown> | null {
  return value === null || (typeof value === 'object' && !Array.isArray(value));
}
