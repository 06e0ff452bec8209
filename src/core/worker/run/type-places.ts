import type { RunningAttempt } from './running-attempt.ts';

/**
 * The places of a task type with a maximum (`handlers.*.max`). An attempt has a place from the moment it may ask for a slot until
 * nothing of it runs any more: a stuck one holds its place as it holds its slot. What waits for a place asks for no slot, so
 * it keeps no attempt of another type from one.
 */
export class TypePlaces {
  readonly max: number;
  #taken = 0;
  readonly #waiting = new Map<RunningAttempt, () => void>();

  constructor(max: number) {
    this.max = max;
  }

  get free(): number {
    return this.max - this.#taken;
  }

  /** Attempts that wait for a place; none while one is free. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls `begin` when there is a place, in the order of the calls. */
  enter(attempt: RunningAttempt, begin: () => void): void {
    if (this.free === 0) {
      this.#waiting.set(attempt, begin);
      return;
    }
    this.#taken += 1;
    begin();
  }

  /** It has ended without a place. */
  forget(attempt: RunningAttempt): void {
    this.#waiting.delete(attempt);
  }

  /** Gives a place back, to the next that waits. True = all were taken, and nothing here takes this one: a claim may. */
  leave(): boolean {
    for (const [next, begin] of this.#waiting) {
      this.#waiting.delete(next);
      begin();
      return false;
    }
    this.#taken -= 1;
    return this.free === 1;
  }
}
