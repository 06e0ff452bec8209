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
  /** Rings for those that are in. Call it after COMMIT. */
  ring(tasks: NewTask[]): void;
}

export class Notifier {
  readonly ringSender: RingSender;
  readonly #names: TableNames;
  readonly #spelled = new Map<string, string>();

  constructor(ringSender: RingSender, names: TableNames) {
    this.ringSender = ringSender;
    this.#names = names;
  }

  /** What must be read before devices can be rung for tasks like these; nothing when it is known. */
  prepare(session: Session, tasks: NewTask[]): Notice {
    const stale = this.ringSender.view.stale;
    const readAt = monotonic();
    const unknown = this.#unknown(session, tasks);
    const carried = new Piggybacked([
      ...(stale ? [ringTargetsStatement(this.#names)] : []),
      ...(unknown.length > 0 ? [spellJsonStatement(unknown)] : []),
    ]);
    return {
      piggybacked: carried,
      ring: (created) =>
        this.ringSender.quietly(() => {
          const results = [...(carried.results ?? [])];
          const rows = stale ? results.shift() : undefined;
          if (rows !== undefined) this.ringSender.view.update(ringTargets(rows), readAt);
          this.#learn(unknown, results[0]?.[0]);
          for (const work of this.#works(session, created)) void this.ringSender.ring(work);
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
    for (const work of works.values()) void this.ringSender.ring(work);
  }

  /** Reads the devices when what is known of them is older than a second. @throws DatabaseError */
  async refresh(session: Session): Promise<void> {
    if (!this.ringSender.view.stale) return;
    const { sql, values } = ringTargetsStatement(this.#names);
    const readAt = monotonic();
    this.ringSender.view.update(ringTargets(await session.rows(sql, values)), readAt);
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
