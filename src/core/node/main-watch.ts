import { monotonic } from '../runtime/clock.ts';
import { BEAT_MS, type PulseBoard } from './pulse-board.ts';

/** The main thread is silent when it has not come to its event loop for this long. */
export const SILENT_AFTER_MS = 1500;

export interface MainWatchOptions {
  board: Pick<PulseBoard, 'beats'>;
  /** It has become silent. */
  onSilent: () => void;
  /** It is still silent, at each check. */
  onStill: () => void;
  /** It came to its event loop again, after this many milliseconds. */
  onBack: (afterMs: number) => void;
  monotonic?: () => number;
}

/**
 * Whether the main thread comes to its event loop, as seen from the liveness thread. Only time in which this thread was
 * awake counts: a process that was stopped as a whole (SIGSTOP, a suspended machine) is not a blocked one.
 */
export class MainWatch {
  readonly #o: MainWatchOptions;
  readonly #now: () => number;
  #beats = -1;
  #checkedAt: number;
  #silentMs = 0;
  #silent = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MainWatchOptions) {
    this.#o = options;
    this.#now = options.monotonic ?? monotonic;
    this.#checkedAt = this.#now();
  }

  get silent(): boolean {
    return this.#silent;
  }

  /** Milliseconds without a sign of it. */
  get silentMs(): number {
    return this.#silentMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.check(), BEAT_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  check(): void {
    const now = this.#now();
    const passed = Math.min(now - this.#checkedAt, 2 * BEAT_MS);
    this.#checkedAt = now;
    const { beats } = this.#o.board;
    if (beats === this.#beats) {
      this.#silentMs += passed;
      if (this.#silent) this.#o.onStill();
      else if (this.#silentMs >= SILENT_AFTER_MS) {
        this.#silent = true;
        this.#o.onSilent();
      }
      return;
    }
    this.#beats = beats;
    const after = this.#silentMs;
    this.#silentMs = 0;
    if (!this.#silent) return;
    this.#silent = false;
    this.#o.onBack(after);
  }
}
