// Questions of many requests as few statements: a fleet that comes back is let in at once, and invented keys cost the database little.
import { setTimeout as pause } from 'node:timers/promises';
import { monotonic } from '../runtime/clock.ts';
import { Gatherer } from '../runtime/gatherer.ts';

/** Ids of one statement. */
const MOST_IDS = 500;
/** Milliseconds from the start of one read to that of the next. */
const INTERVAL_MS = 20;

export class PacedReads<T> {
  readonly #read: (ids: string[]) => Promise<ReadonlyMap<string, T>>;
  readonly #now: () => number;
  readonly #gatherer: Gatherer<string, T | undefined>;
  #began = Number.NEGATIVE_INFINITY;

  /** `read`: what there is of the ids. `now`: milliseconds, monotonic. */
  constructor(read: (ids: string[]) => Promise<ReadonlyMap<string, T>>, now: () => number = monotonic) {
    this.#read = read;
    this.#now = now;
    this.#gatherer = new Gatherer((ids) => this.#together(ids), MOST_IDS);
  }

  /** Undefined = there is none. @throws what `read` throws */
  of(id: string): Promise<T | undefined> {
    return this.#gatherer.add(id);
  }

  async #together(ids: string[]): Promise<Array<T | undefined>> {
    const early = this.#began + INTERVAL_MS - this.#now();
    if (early > 0) await pause(early);
    this.#began = this.#now();
    const found = await this.#read(ids);
    return ids.map((id) => found.get(id));
  }
}
