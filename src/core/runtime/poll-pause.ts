/** Polls may take a twentieth of the time. */
const FACTOR = 20;
const LONGEST_MS = 30_000;
/** The quickest poll is forgotten gradually: the way to the database may have become longer. */
const FORGET = 1.05;
/** A poll that takes this much longer than the quickest recent one is a burden to the server where many devices make it. */
const COSTLY_MS = 100;

/**
 * When to poll for due tasks again, after polls that took longer than the quickest recent one. A poll reads over what
 * another program has inserted and not committed yet; of 100,000 such rows it takes long enough that the polls of a few
 * workers would leave the server no time for the INSERT itself.
 */
export class PollPause {
  /** Monotonic ms before which this process should not poll. */
  until = Number.NEGATIVE_INFINITY;
  /** The last poll took much longer than the quickest, or was broken off: one device at a time should poll. */
  costly = false;
  #quickest = Number.POSITIVE_INFINITY;
  #last = 0;
  #excess = 0;
  #brokenOff = false;

  /**
   * A poll came back at this monotonic time, after this many milliseconds. One slow poll says little (the network, or
   * the whole server, stood still), so the next one comes soon, and the long pause after two.
   */
  polled(at: number, tookMs: number): void {
    this.#quickest = Math.min(tookMs, this.#quickest * FORGET);
    const excess = tookMs - this.#quickest;
    this.costly = excess >= COSTLY_MS;
    this.#brokenOff = false;
    this.#pause(at, Math.max(excess, FACTOR * Math.min(excess, this.#excess)));
    this.#excess = excess;
  }

  /** The server broke a poll off, which takes longer than a poll may. The pause doubles while that goes on. */
  brokenOff(at: number, tookMs: number): void {
    this.costly = true;
    this.#pause(at, Math.max(FACTOR * tookMs, this.#brokenOff ? 2 * this.#last : 0));
    this.#brokenOff = true;
  }

  /** Another device is polling: this one tries after the same pause once more. */
  again(at: number): void {
    this.#pause(at, this.#last);
  }

  #pause(at: number, ms: number): void {
    this.#last = Math.min(LONGEST_MS, ms);
    this.until = at + this.#last;
  }
}
