import { DatabaseError, isConnectionLost } from '../db/database-error.ts';
import { AfdError } from '../domain/errors.ts';
import { Backoff } from '../runtime/backoff.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import { sleep } from '../runtime/loop.ts';

export interface StartWaitOptions {
  /** Seconds from now; 0 = none. */
  seconds: number;
  events: Events;
  /** Ends the wait at once. */
  stop?: AbortSignal;
}

/**
 * A node waits for a database that is absent, refuses writes, or cuts the connection at start. It logs one line when it
 * begins to wait and one when that is over. What waiting does not cure (a wrong password, an old schema) ends it at
 * once.
 */
export class StartWait {
  readonly #o: StartWaitOptions;
  readonly #until: number;
  #since: number | undefined;

  constructor(options: StartWaitOptions) {
    this.#o = options;
    this.#until = monotonic() + options.seconds * 1000;
  }

  /** Milliseconds that are left. */
  get leftMs(): number {
    return Math.max(0, this.#until - monotonic());
  }

  /** Repeats `work`, which must be safe to repeat. @throws AfdError E_TEMPORARY when stopped, or what `work` threw last */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { events, stop } = this.#o;
    const backoff = new Backoff({ initialMs: 100, maxMs: 2000 });
    const toldToStop = () => stop?.aborted === true;
    for (;;) {
      try {
        const result = await work();
        if (this.#since !== undefined) events.emit('database:back', { after_ms: monotonic() - this.#since });
        this.#since = undefined;
        return result;
      } catch (error) {
        if (toldToStop()) throw stopped();
        if (!isPassing(error) || this.leftMs === 0) throw error;
        if (this.#since === undefined)
          events.emit('database:awaited', { for_s: Math.ceil(this.leftMs / 1000), message: (error as Error).message });
        this.#since ??= monotonic();
        await sleep(Math.min(backoff.next(), this.leftMs), stop);
        if (toldToStop()) throw stopped();
      }
    }
  }
}

/** It may be over by itself. */
function isPassing(error: unknown): boolean {
  return isConnectionLost(error) || (error instanceof DatabaseError && error.retry === 'transaction');
}

function stopped(): AfdError {
  return new AfdError('E_TEMPORARY', 'A stop signal arrived before the start was complete.');
}
