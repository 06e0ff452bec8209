import { AfdError } from '../domain/errors.ts';

/**
 * The contract of everything that runs by itself: that has a loop, a repeating timer, a thread or a socket on which it
 * listens, or that starts such things. It lives once, and has these three members and no other verb for begin or end.
 * Who starts a service reads its `finished`, or a failure would go unseen. What works only while it is called, and holds
 * a session, a socket, a listener or one deadline, is no service: its one verb is `close()`.
 */
export abstract class Service {
  /** Settles when nothing of it runs any more, also when it never started; rejects with what ended it, if it failed. */
  readonly finished: Promise<void>;
  readonly #stop = new AbortController();
  #started: Promise<void> | undefined;
  #settle!: { resolve: () => void; reject: (error: unknown) => void };

  constructor() {
    this.finished = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Callers that want the failure read it; if none does, that must not end the process.
    this.finished.catch(() => {});
  }

  /**
   * Begins at once, and resolves when it runs. Twice is one start. Rejects with what ended it before it ran.
   * @throws AfdError E_TEMPORARY when it was stopped before; after `stop()` nothing begins any more
   */
  start(): Promise<void> {
    if (this.#started === undefined) {
      this.#started = this.#begin();
      // As above: what ends a start is in `finished` too.
      this.#started.catch(() => {});
    }
    return this.#started;
  }

  /** Ends it, and resolves when nothing of it runs any more. Safe before the start, during it, twice. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#started === undefined) this.#settle.resolve();
    await this.finished.catch(() => {});
  }

  /**
   * Calls `running` when it runs, works until the signal is aborted, cleans up, returns. Returns before that when there
   * is nothing more to do, and throws when it cannot go on.
   */
  protected abstract run(signal: AbortSignal, running: () => void): Promise<void>;

  async #begin(): Promise<void> {
    if (this.#stop.signal.aborted) throw stoppedBefore();
    await new Promise<void>((resolve, reject) => {
      // Called at once, but what it throws at once is a rejection all the same.
      const life = (async () => this.run(this.#stop.signal, resolve))();
      life.then(this.#settle.resolve, this.#settle.reject);
      life.then(() => reject(stoppedBefore()), reject);
    });
  }
}

/** Resolves when the signal is aborted. Rejects with what ends one of these services before that, if it failed. */
export async function untilAborted(signal: AbortSignal, services: Service[] = []): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    for (const one of services) one.finished.catch(reject);
  });
}

function stoppedBefore(): AfdError {
  return new AfdError('E_TEMPORARY', 'A stop signal arrived before the start was complete.');
}
