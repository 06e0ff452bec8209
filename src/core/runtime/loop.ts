import { Service } from './service.ts';

export interface LoopOptions {
  /** Milliseconds from the end of one round to the start of the next; asked anew each time. */
  intervalMs: number | (() => number);
  work: (signal: AbortSignal) => Promise<void>;
  /** A round that throws ends that round only. May return another pause in milliseconds. */
  onError: (error: unknown) => number | undefined;
}

/** Repeats one piece of work; its pause can be cut short by `wake()`, and is by `stop()`. */
export class Loop extends Service {
  readonly #options: LoopOptions;
  #woken = false;
  #wake: (() => void) | undefined;

  constructor(options: LoopOptions) {
    super();
    this.#options = options;
  }

  /** Begins the next round now; a round that is running is followed by another at once. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    running();
    const { intervalMs, work, onError } = this.#options;
    while (!signal.aborted) {
      let pause: number | undefined;
      this.#woken = false;
      try {
        await work(signal);
      } catch (error) {
        pause = onError(error);
      }
      if (this.#woken) continue;
      const cut = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await sleep(pause ?? (typeof intervalMs === 'number' ? intervalMs : intervalMs()), signal, cut);
      this.#wake = undefined;
    }
  }
}

/** Resolves after this many milliseconds, or at once when the signal is aborted or `cut` resolves. Never rejects. */
export async function sleep(milliseconds: number, signal?: AbortSignal, cut?: Promise<void>): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
    void cut?.then(done);
  });
}
