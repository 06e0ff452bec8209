import { monotonic } from '../runtime/clock.ts';

/** Allows at most `most` events within any second. */
export class PerSecond {
  readonly #most: number;
  readonly #now: () => number;
  readonly #takenAt: number[] = [];

  /** `now`: milliseconds, monotonic. */
  constructor(most: number, now: () => number = monotonic) {
    this.#most = most;
    this.#now = now;
  }

  /** False = not now: as many were taken within the last second. */
  take(): boolean {
    const now = this.#now();
    while (this.#takenAt.length > 0 && now - this.#takenAt[0]! >= 1000) this.#takenAt.shift();
    if (this.#takenAt.length >= this.#most) return false;
    this.#takenAt.push(now);
    return true;
  }

  /** Milliseconds until one may be taken again; 0 = now. */
  get waitMs(): number {
    if (this.#takenAt.length < this.#most) return 0;
    return Math.max(0, this.#takenAt[0]! + 1000 - this.#now());
  }
}
