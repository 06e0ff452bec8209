/**
 * The contract of everything that runs: `start` twice is one start, `stop` before `start` and twice is fine, `stop`
 * resolves only when nothing of it runs any more, and a stopped service may be started again. The only way to end the
 * work is the abort signal.
 */
export abstract class Service {
  #controller: AbortController | undefined;
  #running: Promise<void> | undefined;

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Settles when the present run has ended; rejects with what ended it, if it failed. At once when nothing runs. */
  get finished(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  start(): void {
    if (this.#running !== undefined) return;
    const controller = new AbortController();
    this.#controller = controller;
    // A microtask later, so that even what `run` throws at once is a rejection, after start() has returned.
    const running = Promise.resolve()
      .then(() => this.run(controller.signal))
      .finally(() => {
        if (this.#running !== running) return;
        this.#running = undefined;
        this.#controller = undefined;
      });
    this.#running = running;
    // Callers that want the failure read `finished`; if none does, that must not end the process.
    running.catch(() => {});
  }

  /** Never rejects: `finished` carries how a run ended. */
  async stop(): Promise<void> {
    this.#controller?.abort();
    await this.#running?.catch(() => {});
  }

  /** Works until the signal is aborted, cleans up, returns. */
  protected abstract run(signal: AbortSignal): Promise<void>;
}
