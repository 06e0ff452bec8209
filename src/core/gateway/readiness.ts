// Whether a gateway can serve: what a load balancer asks, every second or so, of every gateway.
import { assertSchema } from '../context/schema-state.ts';
import { isConnectionLost } from '../db/database-error.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import type { Gateway } from './gateway.ts';
import { MOST_WAITING } from './requests/request-contexts.ts';
import { shownError } from './shown-error.ts';

export const UNREADY = ['stopping', 'database', 'schema', 'overloaded'] as const;

export interface Reason {
  reason: (typeof UNREADY)[number];
  message: string;
}

/** An answer of the database is shared for this long, in milliseconds. */
const SHARED_MS = 1000;
/** Requests that wait for the database; with more it is better to ask another gateway. */
const MANY_WAITING = MOST_WAITING / 2;

export class Readiness {
  readonly #gateway: Gateway;
  /** What the log has of it last: clients get less. */
  #logged: string | undefined;
  #asked: { at: number; answer: Promise<Reason | undefined> } | undefined;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Empty = it can serve. Never rejects; asks the database at most once per second. */
  async reasons(): Promise<Reason[]> {
    const { stopping, watch, requests } = this.#gateway;
    if (stopping.aborted) return [{ reason: 'stopping', message: 'The gateway is stopping.' }];
    if (watch.away !== undefined) return [{ reason: 'database', message: shownError(watch.away).message }];
    if (requests.waiting >= MANY_WAITING)
      return [{ reason: 'overloaded', message: `${requests.waiting} requests wait for the database.` }];
    if (this.#asked === undefined || monotonic() - this.#asked.at >= SHARED_MS)
      this.#asked = { at: monotonic(), answer: this.#ask() };
    const found = await this.#asked.answer;
    return found === undefined ? [] : [found];
  }

  async #ask(): Promise<Reason | undefined> {
    const { requests, context } = this.#gateway;
    try {
      await requests.use(async (one) => {
        await assertSchema(await one.session(), context.names);
      });
      this.#logged = undefined;
      return undefined;
    } catch (error) {
      this.#log((error as Error).message);
      // Anything else is a bug of ours.
      const { message } = error instanceof AfdError ? shownError(error) : { message: 'The database cannot be asked.' };
      if (error instanceof AfdError && error.code === 'E_SCHEMA') return { reason: 'schema', message };
      if (error instanceof AfdError && error.code === 'E_TEMPORARY' && !isConnectionLost(error))
        return { reason: 'overloaded', message };
      return { reason: 'database', message };
    }
  }

  /** Once for each cause; of a database that is away the watch tells. */
  #log(message: string): void {
    const { watch, context } = this.#gateway;
    if (message === this.#logged || watch.away !== undefined) return;
    this.#logged = message;
    context.events.emit('warning', { message: `this gateway is not ready: ${message}` });
  }
}
