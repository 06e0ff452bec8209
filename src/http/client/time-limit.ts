// Ends a request after a time, or when its caller's signal is aborted. Timer and listener hold the controller. AbortSignal.any of Node 20
// holds nothing: a signal made of a timeout that nobody else keeps is never aborted once garbage is collected.

export class TimeLimit {
  readonly #ms: number;
  readonly #why: string;
  readonly #caller: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #onAbort = () => this.#controller.abort(this.#caller?.reason);
  #timer: NodeJS.Timeout | undefined;

  /** `ms`: milliseconds from now, or from the last `restart`. `why`: the message of the TimeoutError. */
  constructor(ms: number, why: string, caller?: AbortSignal) {
    this.#ms = ms;
    this.#why = why;
    this.#caller = caller;
    if (caller?.aborted === true) this.#onAbort();
    else caller?.addEventListener('abort', this.#onAbort, { once: true });
    this.restart();
  }

  /** Aborted when the time is over, or with the caller's signal and its reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    clearTimeout(this.#timer);
    const over = () => this.#controller.abort(new DOMException(this.#why, 'TimeoutError'));
    this.#timer = setTimeout(over, this.#ms).unref();
  }

  /** The request is over: neither the time nor the caller ends it any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  /** Ends the request now. */
  abort(): void {
    this.end();
    this.#controller.abort();
  }
}
