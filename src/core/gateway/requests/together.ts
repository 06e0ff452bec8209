// Calls that arrive at about the same time, carried out in one transaction: the database commits once for all of them. None of them
// suffers from another: where their transaction is rolled back, each is tried alone, and gets its own answer or its own error.
import { DatabaseError, isOutcomeUnknown } from '../../db/database-error.ts';
import { Gatherer } from '../../runtime/gatherer.ts';

export interface TogetherOptions<T, R> {
  /** One answer for each, in order. Undefined = nothing was written for that one, which must be tried alone. */
  together(values: T[]): Promise<Array<R | undefined>>;
  alone(value: T): Promise<R>;
  /** Calls that have a key in common follow each other. */
  keys?(value: T): readonly unknown[];
  /** Calls of one transaction. */
  most: number;
}

export class Together<T, R> {
  readonly #o: TogetherOptions<T, R>;
  readonly #gatherer: Gatherer<T, PromiseSettledResult<R>>;

  constructor(options: TogetherOptions<T, R>) {
    this.#o = options;
    this.#gatherer = new Gatherer((values) => this.#flush(values), options.most);
  }

  /** @throws what `alone` throws for this call; what `together` throws where its outcome is unknown */
  async add(value: T): Promise<R> {
    const end = await this.#gatherer.add(value);
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  }

  async #flush(values: T[]): Promise<Array<PromiseSettledResult<R>>> {
    const ends: Array<PromiseSettledResult<R>> = [];
    for (const places of this.#rounds(values)) {
      const round = await this.#round(places.map((n) => values[n]!));
      for (const [at, n] of places.entries()) ends[n] = round[at]!;
    }
    return ends;
  }

  async #round(values: T[]): Promise<Array<PromiseSettledResult<R>>> {
    const answers = values.length === 1 ? [undefined] : await this.#together(values);
    return Promise.all(
      values.map(async (one, n) => {
        const answer = answers[n];
        if (answer !== undefined) return answer;
        const [end] = await Promise.allSettled([this.#o.alone(one)]);
        return end;
      }),
    );
  }

  async #together(values: T[]): Promise<Array<PromiseSettledResult<R> | undefined>> {
    try {
      const answers = await this.#o.together(values);
      return answers.map((value) => (value === undefined ? undefined : { status: 'fulfilled', value }));
    } catch (error) {
      // What may have been written is not written again.
      const undone = error instanceof DatabaseError && !error.refused && !isOutcomeUnknown(error);
      return values.map(() => (undone ? undefined : { status: 'rejected', reason: error }));
    }
  }

  /** The places of the values, so that those of one round have no key in common. */
  #rounds(values: T[]): number[][] {
    const { keys } = this.#o;
    if (keys === undefined) return [values.map((_, n) => n)];
    const rounds: Array<{ places: number[]; keys: Set<unknown> }> = [];
    for (const [n, value] of values.entries()) {
      const own = keys(value);
      // Behind the last round that has one of its keys: calls for one task stay in the order in which they came.
      const before = rounds.findLastIndex((one) => own.some((key) => one.keys.has(key)));
      rounds[before + 1] ??= { places: [], keys: new Set() };
      rounds[before + 1]!.places.push(n);
      for (const key of own) rounds[before + 1]!.keys.add(key);
    }
    return rounds.map((one) => one.places);
  }
}
