// One line of the log per second at most, however often the thing happens that it tells of: who attacks must not fill a disk.
import { monotonic } from '../../core/runtime/clock.ts';

const PAUSE_MS = 1000;

export class ToldSeldom {
  readonly #tell: (sentence: string) => void;
  #until = 0;
  #more = 0;

  constructor(tell: (sentence: string) => void) {
    this.#tell = tell;
  }

  /** `sentence` is written if none was within the last second; else it is counted in the next one that is. */
  say(sentence: string): void {
    if (monotonic() < this.#until) {
      this.#more += 1;
      return;
    }
    this.#until = monotonic() + PAUSE_MS;
    const more = this.#more === 0 ? '' : ` (and ${this.#more} more since the last such line)`;
    this.#more = 0;
    this.#tell(`${sentence}${more}`);
  }
}
