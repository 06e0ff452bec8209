import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';
import { Service } from '../runtime/service.ts';
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
export class MainWatch extends Service {
  readonly #o: MainWatchOptions;
  readonly #now: () => number;
  #beats = -1;
  #checkedAt: number;
  #silentMs = 0;
  #silent = false;

  constructor(options: MainWatchOptions) {
    super();
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

  /** One comparison with the last one. */
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

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    running();
    for (;;) {
      await sleep(BEAT_MS, signal);
      if (signal.aborted) return;
      this.check();
    }
  }
}
