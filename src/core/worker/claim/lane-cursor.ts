import type { Cursor } from '../../db/claim/claim-source.ts';

/** A cursor is checked at least this often. */
const CHECK_LEAST_MS = 1000;
/** Cursor checks take at most a twentieth of the time. */
const CHECK_COST_FACTOR = 20;

/**
 * Where the claims of one lane and rank begin to read: at the last row that this process took there. Tasks may come to lie
 * before it (they were put back, or are due earlier), so it is checked now and then.
 */
export class LaneCursor {
  /** Undefined = claims read from the head. */
  at: Cursor | undefined;
  /** The next claim reads from the cursor on, and not from the frontier: there is work between the two, or there may be. */
  behind = false;
  #checkedAt = 0;
  #checkEveryMs = CHECK_LEAST_MS;

  /** A claim may read from the frontier: the furthest task of the lane that runs. */
  get frontier(): boolean {
    return this.at !== undefined && !this.behind;
  }

  /**
   * A claim has come back, with `last` as its last row. `exhausted`: it found nothing more. Returns whether work may be left
   * between the cursor and the frontier, from which it read (`frontier`): the next claim shows.
   */
  claimed(last: Cursor | undefined, { exhausted, frontier }: { exhausted: boolean; frontier: boolean }): boolean {
    this.behind = exhausted && frontier;
    // What was skipped lies behind the old cursor, wherever this claim began.
    if (last !== undefined && !this.behind) this.at = { due_at: last.due_at, id: last.id };
    return this.behind;
  }

  /** Whether to check now (monotonic ms): a claim has found nothing more, or the time has come. */
  checkDue(exhausted: boolean, now: number): boolean {
    return this.at !== undefined && (exhausted || now - this.#checkedAt >= this.#checkEveryMs);
  }

  /**
   * A check at `now` (monotonic ms), which took `costMs`, has found this due row at or before the cursor, or none. Returns
   * whether there is work that the next claim must find.
   */
  checked(found: Cursor | undefined, now: number, costMs: number): boolean {
    this.#checkedAt = now;
    this.#checkEveryMs = Math.max(CHECK_LEAST_MS, CHECK_COST_FACTOR * costMs);
    if (found === undefined || this.at === undefined) return false;
    const before = found.due_at < this.at.due_at || (found.due_at === this.at.due_at && found.id < this.at.id);
    if (before) this.at = found;
    this.behind = true;
    return true;
  }

  /** Tasks may lie before it now: the next claim reads from the head. */
  drop(): void {
    this.at = undefined;
  }
}
