// Joins calls into few: while one flush is under way, what comes meanwhile waits for the next. Alone, a call is flushed at once.

interface Item<T, R> {
  value: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

export class Gatherer<T, R> {
  readonly #flush: (values: T[]) => Promise<R[]>;
  readonly #most: number;
  #waiting: Array<Item<T, R>> = [];
  #flushing = false;

  /** `flush`: results in the order of the values, of which it gets at most `most`. */
  constructor(flush: (values: T[]) => Promise<R[]>, most: number) {
    this.#flush = flush;
    this.#most = most;
  }

  /** @throws whatever the flush throws that it was part of */
  add(value: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ value, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      // What else arrives in this turn of the event loop goes along.
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, this.#most);
      try {
        const results = await this.#flush(some.map((one) => one.value));
        for (const [n, one] of some.entries()) one.resolve(results[n]!);
      } catch (error) {
        for (const one of some) one.reject(error);
      }
    }
    this.#flushing = false;
  }
}
