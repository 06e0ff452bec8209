import { monotonic } from '../../runtime/clock.ts';

const CHECK_EVERY_MS = 1000;

export interface PulseOptions {
  /** Without an answer for this long it is silent. */
  silentMs: number;
  /** Sends a question now. */
  ask(): void;
  /** Takes what the thread has said by now, also when this thread was busy and has not read it. */
  readAll(): void;
  /** Whether anything runs there; an idle thread is not asked. */
  busy(): boolean;
  /** It has said nothing for this many milliseconds. Called once until it speaks again. */
  onSilent(ms: number): void;
}

/** Whether a thread that has work answers. Costs a message each second, and nothing while there is no work. */
export class ThreadPulse {
  readonly #options: PulseOptions;
  #heardAt = monotonic();
  /** When the first question was sent since it last said something. */
  #askedAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  silent = false;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** It has work now. */
  watch(): void {
    this.#timer ??= setTimeout(() => this.#check(), CHECK_EVERY_MS);
  }

  ask(): void {
    this.#askedAt ??= monotonic();
    this.#options.ask();
  }

  heard(): void {
    this.#heardAt = monotonic();
    this.#askedAt = undefined;
    this.silent = false;
  }

  /** True when it has said something since this monotonic time. */
  heardSince(at: number): boolean {
    this.#options.readAll();
    return this.#heardAt >= at;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    this.#timer = undefined;
    this.#options.readAll();
    if (!this.#options.busy()) return;
    const waited = this.#askedAt === undefined ? undefined : monotonic() - this.#askedAt;
    if (waited === undefined) {
      this.ask();
    } else if (!this.silent && waited >= this.#options.silentMs) {
      this.silent = true;
      this.#options.onSilent(waited);
    }
    this.watch();
  }
}
