// Contexts for requests: each has one session and one producer of its own for as long as a request uses it, so that the use
// cases of core run here as they run in a command.
import pLimit, { type LimitFunction } from 'p-limit';
import type { Context } from '../context/context.ts';
import { Producer } from '../context/producer.ts';
import { isConnectionLost } from '../db/database-error.ts';
import { databaseNowMs } from '../db/rows.ts';
import type { Session } from '../db/session.ts';
import { AfdError } from '../domain/errors.ts';

/** Requests that wait for a session; more are refused, so that a slow database does not fill the memory. */
const MOST_WAITING = 1000;

/** The context of a request. */
export interface RequestContext extends Context {
  /** ISO 8601: the database's time. @throws DatabaseError */
  now(): Promise<string>;
}

interface Leased {
  context: RequestContext;
  session: Session;
}

export class RequestContexts {
  readonly #context: Context;
  readonly #limit: LimitFunction;
  readonly #free: Leased[] = [];
  readonly #producers: Producer[] = [];
  #closed = false;

  /** `most` sessions, opened when they are needed. */
  constructor(context: Context, most: number) {
    this.#context = context;
    this.#limit = pLimit(most);
  }

  /** Requests that use a session or wait for one. */
  get busy(): number {
    return this.#limit.activeCount + this.#limit.pendingCount;
  }

  /**
   * Runs `work` with a context whose `session()` is always the same open session, with `multiStatements`.
   * @throws AfdError E_TEMPORARY when too many wait; whatever opening a session and `work` throw
   */
  async use<T>(work: (context: RequestContext) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AfdError('E_TEMPORARY', 'The gateway is stopping.');
    if (this.#limit.pendingCount >= MOST_WAITING)
      throw new AfdError('E_TEMPORARY', `${MOST_WAITING} requests wait for the database already.`);
    return this.#limit(async () => {
      const leased = this.#free.pop() ?? (await this.#open());
      try {
        await leased.session.ready();
        return await work(leased.context);
      } catch (error) {
        // What is unknown of its state is not handed to another request.
        if (isConnectionLost(error)) leased.session.destroy();
        throw error;
      } finally {
        this.#free.push(leased);
      }
    });
  }

  /** Rings that are under way are waited for; the sessions are closed with the context that they came from. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#producers.map((one) => one.close()));
  }

  async #open(): Promise<Leased> {
    const session = await this.#context.session({ multiStatements: true });
    let producer: Producer | undefined;
    const context: RequestContext = {
      ...this.#context,
      now: async () => new Date(await databaseNowMs(session)).toISOString(),
      session: async () => {
        await session.ready();
        return session;
      },
      producer: async () => {
        if (producer === undefined) {
          producer = new Producer(session, this.#context.names, this.#context.config);
          this.#producers.push(producer);
        }
        return producer;
      },
      close: async () => {},
    };
    return { context, session };
  }
}
