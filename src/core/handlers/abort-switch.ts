import type { AbortReason } from './handler.ts';

/** An AbortController that is made when its signal is first asked for: most attempts end before that. */
export class AbortSwitch {
  #controller: AbortController | undefined;
  #reason: AbortReason | undefined;
  #tell: ((reason: AbortReason) => void) | undefined;
  readonly #onAborted: ((reason: AbortReason) => void) | undefined;

  /** `onAborted`: called after the handler's own listener. */
  constructor(onAborted?: (reason: AbortReason) => void) {
    this.#onAborted = onAborted;
  }

  get reason(): AbortReason | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls `tell` when it is aborted, without a signal being made. One listener: a later one replaces it. */
  onAbort(tell: (reason: AbortReason) => void): void {
    this.#tell = tell;
  }

  /** The first reason stays. Returns whether it was this one. */
  abort(reason: AbortReason): boolean {
    if (this.#reason !== undefined) return false;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#tell?.(reason);
    this.#onAborted?.(reason);
    return true;
  }
}
