/** Those by which the fleet's dead are found; a round of theirs may be long, but not without end. */
const VITAL = new Set(['lock-check', 'health-check']);
/** A vital round is given up after this many limits, though statements still come to their ends. */
const ROUND_LIMITS = 10;

/**
 * Whether the duties of a term come on. A renewed lease says that a database is there and a thread lives; only this says
 * that what the lease is for is done. Times are monotonic milliseconds.
 */
export class DutyProgress {
  readonly #limitMs: number;
  readonly #now: () => number;
  readonly #began = new Map<string, number>();
  #doneAt: number;

  /** `limitMs`: longer than any statement can take. */
  constructor(limitMs: number, now: () => number) {
    this.#limitMs = limitMs;
    this.#now = now;
    this.#doneAt = now();
  }

  /** Runs one round of a duty. @throws what `round` throws */
  async round(duty: string, round: () => Promise<void>): Promise<void> {
    this.#began.set(duty, this.#now());
    try {
      await round();
    } finally {
      this.#began.delete(duty);
    }
  }

  /** Something of the duties' shared connection came to its end, well or not. */
  done(): void {
    this.#doneAt = this.#now();
  }

  /** The duty that hangs; undefined = all come on. */
  get hanging(): { duty: string; forMs: number } | undefined {
    const now = this.#now();
    for (const [duty, began] of this.#began) {
      const forMs = now - began;
      const nothingEnds = Math.min(forMs, now - this.#doneAt) > this.#limitMs;
      if (nothingEnds || (VITAL.has(duty) && forMs > ROUND_LIMITS * this.#limitMs)) return { duty, forMs };
    }
    return undefined;
  }
}
