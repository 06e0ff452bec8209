// One read for all who ask at about the same time: it costs the database the same for one viewer and for a thousand.
import { monotonic } from '../runtime/clock.ts';

export interface Shared<T> {
  value: T;
  /** Milliseconds since it was asked for. */
  age_ms: number;
}

export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  readonly #trustMs: number;
  #last: { value: T; at: number } | undefined;
  #asking: Promise<T> | undefined;

  /** An answer serves for `trustMs` milliseconds, counted from when it was asked for. */
  constructor(trustMs: number, read: () => Promise<T>) {
    this.#trustMs = trustMs;
    this.#read = read;
  }

  /** @throws what the read throws, to everybody who waits for it; the next caller asks again */
  async get(): Promise<Shared<T>> {
    const known = this.#last;
    if (known === undefined || monotonic() - known.at > this.#trustMs) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    const { value, at } = this.#last!;
    return { value, age_ms: monotonic() - at };
  }

  async #ask(): Promise<T> {
    const at = monotonic();
    const value = await this.#read();
    this.#last = { value, at };
    return value;
  }
}
