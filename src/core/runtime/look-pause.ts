/** A look may take a twentieth of the time. */
const FACTOR = 20;
const LONGEST_MS = 30_000;
/** The quickest look is forgotten by and by: the way to the database may have become longer. */
const FORGET = 1.05;

/**
 * When to look for due tasks again, after looks that took longer than the quickest of late. A look reads over what another
 * program has inserted and not committed yet; of 100,000 such rows it takes so long that the looks of a few workers would
 * leave the server no time for the INSERT itself.
 */
export class LookPause {
  /** Monotonic ms before which nobody should look. */
  until = Number.NEGATIVE_INFINITY;
  #quickest = Number.POSITIVE_INFINITY;

  /** A look came back at this monotonic time, after so many milliseconds. */
  looked(at: number, tookMs: number): void {
    this.#quickest = Math.min(tookMs, this.#quickest * FORGET);
    this.until = at + Math.min(LONGEST_MS, FACTOR * (tookMs - this.#quickest));
  }
}
