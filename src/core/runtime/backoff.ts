export interface BackoffOptions {
  /** First pause in milliseconds, before jitter; doubles each time. */
  initialMs: number;
  maxMs: number;
  /** Number in [0, 1). */
  random?: () => number;
}

/** Pauses between tries to reach the database: doubling, between half and the whole of it by chance. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #tries = 0;

  constructor(options: BackoffOptions) {
    this.#options = { random: Math.random, ...options };
  }

  /** Milliseconds to wait before the next try. */
  next(): number {
    const { initialMs, maxMs, random } = this.#options;
    const whole = Math.min(maxMs, initialMs * 2 ** Math.min(this.#tries, 30));
    this.#tries += 1;
    return whole * (0.5 + random() / 2);
  }

  /** After success. */
  reset(): void {
    this.#tries = 0;
  }
}
