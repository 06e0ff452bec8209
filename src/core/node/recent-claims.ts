/** The window of `recent_claims`: long enough to see turns, short enough that a new device is not given everything for long. */
const WINDOW_MS = 60_000;
/** Totals within this time are one sample: the count is exact to this. */
const GRAIN_MS = 1000;

/** How many tasks this device claimed within the last minute. Times are monotonic milliseconds. */
export class RecentClaims {
  /** Totals of claims, each with the time `at` which it was reached, oldest first; the last one before the window is kept. */
  readonly #samples: Array<{ at: number; total: number }> = [{ at: Number.NEGATIVE_INFINITY, total: 0 }];

  /** `total`: tasks claimed since the start. */
  note(total: number, now: number): void {
    const last = this.#samples.at(-1)!;
    if (now - last.at < GRAIN_MS) last.total = total;
    else if (total !== last.total) this.#samples.push({ at: now, total });
  }

  count(now: number): number {
    while (this.#samples[1] !== undefined && this.#samples[1].at <= now - WINDOW_MS) this.#samples.shift();
    return this.#samples.at(-1)!.total - this.#samples[0]!.total;
  }
}
