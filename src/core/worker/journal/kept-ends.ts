import { isConnectionLost } from '../../db/database-error.ts';
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { wireFinish } from '../../remote/wire.ts';
import type { Journal } from './journal.ts';

/** An exchange that takes longer: its ends may have to wait for long. */
const SLOW_MS = 500;

interface Unsent {
  finish: Finish;
  /** Its number in the journal, or that it is being written there; undefined = it is in memory alone. */
  kept: Promise<number | undefined> | undefined;
  /** It ended while no gateway answered, or was not delivered before none did. */
  waited: boolean;
}

/**
 * Ends on their way to a gateway. While one answers they are in memory alone: writing each to the disk would cost more than all else.
 * So are those that the journal cannot take; they go into it as soon as it can be written again.
 */
export class KeptEnds {
  readonly #journal: Journal;
  readonly #unsent = new Map<string, Unsent>();
  #away = false;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** An attempt has ended. */
  add(finish: Finish): void {
    const one: Unsent = { finish, kept: undefined, waited: false };
    this.#unsent.set(attemptKey(finish), one);
    if (this.#away) this.#keep(one);
  }

  /** No gateway answers: all that is unsent is kept, and all that follows, until ends are delivered again. */
  away(): void {
    if (this.#away && !this.#journal.canKeep()) return;
    this.#away = true;
    for (const one of this.#unsent.values()) this.#keep(one);
  }

  /** A gateway answers. */
  back(): void {
    this.#away = false;
  }

  /** An exchange with ends. What the call throws, this throws. */
  async during<T>(ends: Finish[], exchange: () => Promise<T>): Promise<T> {
    const slow = setTimeout(() => {
      if (ends.length > 0 || this.#unsent.size > 0) this.away();
    }, SLOW_MS);
    try {
      const answer = await exchange();
      this.back();
      return answer;
    } catch (error) {
      if (isConnectionLost(error)) this.away();
      throw error;
    } finally {
      clearTimeout(slow);
    }
  }

  /** A gateway has taken or refused them. */
  delivered(results: Reconciled[]): void {
    for (const result of results) {
      const finish = result.kind === 'accepted' ? result.end.finish : result.finish;
      const key = attemptKey(finish);
      const { kept, waited = false } = this.#unsent.get(key) ?? {};
      this.#unsent.delete(key);
      if (waited) void this.#noted(kept, finish, result.kind === 'lost' ? result.reason : undefined);
    }
  }

  async #noted(kept: Unsent['kept'], finish: Finish, refused: string | undefined): Promise<void> {
    const n = await kept;
    if (refused !== undefined && finish.outcome.kind !== 'released') {
      const { task_id, attempt, task_type, outcome } = finish;
      await this.#journal.refused({ task_id, attempt, task_type, reason: refused, outcome });
    }
    await this.#journal.delivered(n === undefined ? [] : [n]);
  }

  #keep(one: Unsent): void {
    one.waited = true;
    one.kept ??= this.#journal.keep({ kind: 'end', end: wireFinish(one.finish) }).then((n) => {
      if (n === undefined) one.kept = undefined;
      return n;
    });
  }
}
