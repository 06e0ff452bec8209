// Ends of attempts that wait to be written. Nothing leaves the queue before the database has taken or refused it.

import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import { monotonic } from '../../runtime/clock.ts';

/** Attempts that one transaction finishes at most. */
const MOST_FINISHES = 1000;
/** Dropped ends remembered. */
const MOST_DROPPED = 10_000;
/** Ends remembered for the comparison with the database's list, which is at most two ticks old. */
const MOST_WRITTEN = 20_000;

export class FinishQueue {
  readonly #queue: Finish[] = [];
  /** Monotonic time at which the end of an attempt was written, by its key. */
  readonly #written = new Map<string, number>();
  /** Keys of attempts whose end cannot be stored: the leader ends them at their deadlines, and each uses a retry. */
  readonly #dropped = new Set<string>();
  /** How many of the first are sent alone, because one of them was refused. */
  #single = 0;

  get length(): number {
    return this.#queue.length;
  }

  /** True while ends are sent one by one, to find the one that the server refuses. */
  get isolating(): boolean {
    return this.#single > 0;
  }

  push(finish: Finish): void {
    this.#queue.push(finish);
  }

  clear(): void {
    this.#queue.length = 0;
  }

  /** What to write next; an end with follow-up tasks alone, since it may wait for another inserter's key. */
  nextBatch(): Finish[] {
    const first = this.#queue[0];
    if (first === undefined) return [];
    if (this.isolating || enqueues(first)) return [first];
    const end = this.#queue.findIndex(enqueues);
    return this.#queue.slice(0, Math.min(MOST_FINISHES, end === -1 ? this.#queue.length : end));
  }

  /** The batch was taken or refused by the database: it is through. */
  written(batch: Finish[]): void {
    this.#queue.splice(0, batch.length);
    if (this.#single > 0) this.#single -= 1;
    const now = monotonic();
    for (const one of batch) {
      const key = attemptKey(one);
      this.#written.delete(key);
      this.#written.set(key, now);
    }
    for (const key of this.#written.keys()) {
      if (this.#written.size <= MOST_WRITTEN) break;
      this.#written.delete(key);
    }
  }

  /** True when this attempt has ended here, as far as is remembered. */
  has(key: string): boolean {
    return this.#written.has(key) || this.#queue.some((one) => attemptKey(one) === key);
  }

  /** True when the end of this attempt waits here, cannot be stored, or was written after `seenAt`. */
  knows(key: string, seenAt: number): boolean {
    if (this.#dropped.has(key)) return true;
    if (this.#queue.some((one) => attemptKey(one) === key)) return true;
    return (this.#written.get(key) ?? Number.NEGATIVE_INFINITY) >= seenAt;
  }

  /**
   * The server refused what one of these ends says (a value too long, a bad JSON text, a follow-up task). They are sent
   * one by one; the culprit becomes a failed attempt that says so, then one that says nothing. If even that is refused, it is
   * dropped: its lease runs out and the leader ends it. Returns the culprit when it is known, and whether it was dropped.
   */
  refused(batch: Finish[], error: Error): { culprit: Finish; message: string; dropped: boolean } | undefined {
    if (this.#single === 0) {
      this.#single = batch.length;
      return undefined;
    }
    this.#single -= 1;
    const culprit = this.#queue.shift();
    if (culprit === undefined) return undefined;
    const message = `The result of task ${culprit.task_id} (${culprit.outcome.kind}) could not be stored: ${error.message}`;
    const again = culprit.outcome.kind === 'retry' && culprit.outcome.error_class === UNSTORABLE;
    const dropped = again && 'error_message' in culprit.outcome && culprit.outcome.error_message === '';
    if (dropped) this.#drop(culprit);
    else {
      const error_message = again ? '' : message.slice(0, 1000);
      this.#queue.push({ ...culprit, outcome: { kind: 'retry', error_class: UNSTORABLE, error_message } });
    }
    return { culprit, message, dropped };
  }

  #drop(finish: Finish): void {
    if (this.#dropped.size >= MOST_DROPPED) this.#dropped.clear();
    this.#dropped.add(attemptKey(finish));
  }
}

const UNSTORABLE = 'unstorable';

export function enqueues(one: Finish): boolean {
  return one.outcome.kind === 'done' && one.outcome.enqueue.length > 0;
}
