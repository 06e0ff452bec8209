// Finds the one task for whose sake the server refuses a whole claim, and puts it aside, alone: a value out of range that
// another program wrote, a trigger that refuses the row. The others of that claim are claimed in halves until it is found.

import type { ClaimSource } from '../../db/claim/claim-source.ts';
import { setAside } from '../../db/claim/set-aside.ts';
import { DatabaseError } from '../../db/database-error.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { TextWidth } from '../../domain/text/fit-text.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';

/** How long a task is left alone that could not even be set aside. */
const LEAVE_MS = 600_000;
const MOST_LEFT = 10_000;

export interface OddTasksOptions {
  session: Session;
  names: TableNames;
  /** `task:set-aside`: a task is not claimed any more. */
  events: Events;
}

export class OddTasks {
  readonly #o: OddTasksOptions;
  /** Tasks of a refused claim, to be claimed group by group. */
  readonly #groups: number[][] = [];
  /** Ids of tasks that are left alone, until when (monotonic ms). */
  readonly #left = new Map<number, number>();

  constructor(options: OddTasksOptions) {
    this.#o = options;
  }

  /** Claims of named tasks come first, until the culprit is found. */
  get searching(): boolean {
    return this.#groups.length > 0;
  }

  /** What the next claim asks, no more than `most` tasks; undefined when nothing is suspected. */
  next(most: number): ClaimSource | undefined {
    const group = this.#groups.pop();
    if (group === undefined) return undefined;
    if (group.length > most) this.#groups.push(group.slice(most));
    return { kind: 'tasks', ids: group.slice(0, most) };
  }

  /** True = not claimed here: a claim passes over it. */
  leaves(taskId: number): boolean {
    const until = this.#left.size === 0 ? undefined : this.#left.get(taskId);
    if (until === undefined) return false;
    if (monotonic() < until) return true;
    this.#left.delete(taskId);
    return false;
  }

  /**
   * The server refused to claim these tasks. A group is split; a single one is put aside. `width`: what last_error can
   * hold. @throws DatabaseError
   */
  async refused(taskIds: number[], error: Error, width: TextWidth): Promise<void> {
    if (taskIds.length > 1) {
      const half = taskIds.length >> 1;
      this.#groups.push(taskIds.slice(half), taskIds.slice(0, half));
      return;
    }
    const [task_id] = taskIds;
    if (task_id === undefined) return;
    const message = `it cannot be claimed: ${error.message}`;
    const put = await this.#putAside(task_id, message, width);
    // Another worker, whose claim met it too, has said so.
    if (put === 0) return;
    if (put === undefined) this.#leave(task_id);
    this.#o.events.emit('task:set-aside', { task_id, failed: put !== undefined, message });
  }

  /** How many rows were written; undefined = the server refuses that too. */
  async #putAside(taskId: number, message: string, width: TextWidth): Promise<number | undefined> {
    const { session, names } = this.#o;
    for (const said of [{ text: message, width }, undefined]) {
      try {
        return await setAside(session, names, taskId, said);
      } catch (error) {
        if (!(error instanceof DatabaseError) || error.fault !== 'data') throw error;
      }
    }
    return undefined;
  }

  #leave(taskId: number): void {
    if (this.#left.size >= MOST_LEFT) this.#left.clear();
    this.#left.set(taskId, monotonic() + LEAVE_MS);
  }
}
