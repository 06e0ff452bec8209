import { monotonic } from '../../runtime/clock.ts';
import type { RunningAttempt } from './running-attempt.ts';

/** Attempts younger than this have no timer of their own: most end before. */
const FIRST_CHECK_MS = 25;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Ends attempts at their deadlines, by this machine's monotonic clock. */
export class Deadlines {
  readonly #onDeadline: (attempt: RunningAttempt) => void;
  #young: RunningAttempt[] = [];
  #check: NodeJS.Timeout | undefined;

  constructor(onDeadline: (attempt: RunningAttempt) => void) {
    this.#onDeadline = onDeadline;
  }

  /** The attempt has just begun. */
  watch(attempt: RunningAttempt): void {
    if (attempt.timeout_s * 1000 <= FIRST_CHECK_MS) {
      this.#arm(attempt);
    } else {
      this.#young.push(attempt);
      this.#check ??= setTimeout(() => this.#grownUp(), FIRST_CHECK_MS);
    }
  }

  #grownUp(): void {
    const grown = this.#young;
    this.#young = [];
    this.#check = undefined;
    for (const one of grown) if (one.state === 'running' && one.stop.reason === undefined) this.#arm(one);
  }

  #arm(attempt: RunningAttempt): void {
    const left = attempt.startedAt + attempt.timeout_s * 1000 - monotonic();
    attempt.timer = setTimeout(() => this.#onDeadline(attempt), Math.min(Math.max(left, 0), LONGEST_TIMER_MS));
  }
}
