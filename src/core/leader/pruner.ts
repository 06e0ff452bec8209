import { DatabaseError } from '../db/database-error.ts';
import { dayPartitions, type History, isChangedMeanwhile, repartition } from '../db/history/day-partitions.ts';
import { deleteOld, PRUNE_ROWS } from '../db/history/delete-old.ts';
import { assertLeader } from '../db/leader/assert-leader.ts';
import type { Session } from '../db/session.ts';
import { type PartitionPlan, planPartitions } from '../domain/day-partitions.ts';
import type { DutySession } from './duty/duty-session.ts';
import { Failures } from './duty/failures.ts';

export interface PrunerOptions {
  duty: DutySession;
  /** A connection of its own for DDL, which may take longer than a duty's call may; closed after use. */
  openSession: () => Session;
  history: History;
  historyDays: number;
  /** What an operator may want to know, in a sentence: once for each cause. */
  note: (message: string) => void;
}

/** What a round did; `deleted`: rows, where days could not be dropped whole. */
export interface Pruned {
  added: number;
  dropped: number;
  deleted?: number;
}

/** Deletes of one round: a table that was never pruned is emptied over some rounds, and nothing waits for all of it. */
const MOST_DELETES = 500;

/**
 * Keeps a history (heartbeats, run logs) at its number of days: by day partitions, or by DELETE where the table has none, or where the
 * account has no right to change them.
 */
export class Pruner {
  readonly #o: PrunerOptions;
  #noted: string | undefined;

  constructor(options: PrunerOptions) {
    this.#o = options;
  }

  /**
   * Days added and dropped, rows deleted of a table that is not partitioned. The signal gives up a partition change that is
   * under way: its deadline is long, and the server undoes it or has done it.
   * @throws PartsFailed when days could not be added or dropped (such as when the table's lock was not to be had within a
   * second), after the other was tried; NotLeader, DatabaseError
   */
  async runOnce(signal?: AbortSignal): Promise<Pruned> {
    const { duty, openSession, history, historyDays } = this.#o;
    const { partitions, today } = await duty.run((session) => dayPartitions(session, duty.names, history));
    if (partitions.length === 0) return { added: 0, dropped: 0, deleted: await this.#deleteOld() };
    const plan = planPartitions(partitions, today, historyDays);
    if (plan.add.length + plan.drop.length === 0) return { added: 0, dropped: 0 };
    await duty.run((session) => assertLeader(session, duty.names, duty.lease));
    const failures = new Failures(duty);
    const done: Pruned = { added: 0, dropped: 0 };
    signal?.throwIfAborted();
    const session = openSession();
    const giveUp = () => session.destroy();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      await session.ready();
      // Old days go also where no new one can be added: a full disk is the reason for both.
      for (const part of [
        { ...plan, add: [] },
        { ...plan, drop: [] },
      ]) {
        if (part.add.length + part.drop.length === 0) continue;
        const what = part.add.length > 0 ? 'adding days' : 'dropping days';
        await failures.part(what, () => this.#changeOrReread(session, part, done));
      }
    } finally {
      signal?.removeEventListener('abort', giveUp);
      await session.close();
    }
    return failures.end(done);
  }

  /**
   * A leader that was given up in the middle of a change leaves its statement to the server, which carries it out after this round has
   * read the table's days. What it has done need not be done again, and is no failure.
   */
  async #changeOrReread(session: Session, part: PartitionPlan, done: Pruned): Promise<void> {
    const { duty, history, historyDays } = this.#o;
    try {
      await this.#change(session, part, done);
    } catch (error) {
      if (!isChangedMeanwhile(error)) throw error;
      const { partitions, today } = await dayPartitions(session, duty.names, history);
      const plan = planPartitions(partitions, today, historyDays);
      const rest = part.add.length > 0 ? { ...plan, drop: [] } : { ...plan, add: [] };
      if (rest.add.length + rest.drop.length > 0) await this.#change(session, rest, done);
    }
  }

  /**
   * A missing right is the operator's choice, and nothing is lost by it: rows that cannot be dropped by the day are
   * deleted.
   */
  async #change(session: Session, part: PartitionPlan, done: Pruned): Promise<void> {
    const { duty, history, historyDays, note } = this.#o;
    try {
      await repartition(session, duty.names, history, part);
      done.added += part.add.length;
      done.dropped += part.drop.length;
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== 'E_FORBIDDEN') throw error;
      done.deleted = (done.deleted ?? 0) + (await this.#deleteOld());
      const [grant = 'ALTER, CREATE and DROP on that table'] = error.suggestions;
      const message = `${history.rows} older than ${historyDays} days are deleted row by row, because the account may not change the partitions of ${duty.names.plain[history.table]}: ${grant}`;
      if (this.#noted !== message) note(message);
      this.#noted = message;
    }
  }

  async #deleteOld(): Promise<number> {
    const { duty, history, historyDays } = this.#o;
    let deleted = 0;
    for (let n = 0; n < MOST_DELETES; n += 1) {
      const rows = await duty.fenced((session) => deleteOld(session, duty.names, history, historyDays));
      deleted += rows;
      if (rows < PRUNE_ROWS) break;
    }
    return deleted;
  }
}
