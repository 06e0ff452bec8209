// Questions about keys and sessions that nobody has heard of, so that invented ones cost the database little.
import { AfdError } from '../domain/errors.ts';

/** Of one second. */
const MOST = 50;
const SECOND_MS = 1000;

export class UnknownLimit {
  readonly #what: string;
  readonly #now: () => number;
  #since = Number.NEGATIVE_INFINITY;
  #n = 0;

  /** `what`: in the plural. `now`: milliseconds, monotonic. */
  constructor(what: string, now: () => number) {
    this.#what = what;
    this.#now = now;
  }

  /** Before the question. @throws AfdError E_TEMPORARY */
  count(): void {
    const now = this.#now();
    if (now - this.#since >= SECOND_MS) {
      this.#since = now;
      this.#n = 0;
    }
    this.#n += 1;
    if (this.#n > MOST)
      throw new AfdError('E_TEMPORARY', `More than ${MOST} unknown ${this.#what} came within a second.`);
  }
}
