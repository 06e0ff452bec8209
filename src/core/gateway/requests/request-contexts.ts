// Contexts for requests: each has one session and one producer of its own for as long as a request uses it, so that the use
// cases of core run here as they run in a command.
import type { Context } from '../../context/context.ts';
import { Producer, type SharedByProducers, sharedByProducers } from '../../context/producer.ts';
import { isConnectionLost } from '../../db/database-error.ts';
import { databaseNowMs } from '../../db/rows.ts';
import type { Session } from '../../db/session.ts';
import { AfdError } from '../../domain/errors.ts';
import type { Near } from '../../ring/notifier.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { DatabaseWatch } from './database-watch.ts';

/** Requests that wait for a session; more are refused, so that a slow database does not fill the memory. */
export const MOST_WAITING = 1000;
/** A request waits no longer than this, in milliseconds: its client tries again, perhaps at another gateway. */
const WAIT_MS = 5000;
/** For how long answers count on from the database's time. */
const CLOCK_MS = 1000;

/** The context of a request. */
export interface RequestContext extends Context {
  /** ISO 8601: the database's time, for people; nothing is decided by it. @throws DatabaseError */
  now(): Promise<string>;
}

interface Leased {
  context: RequestContext;
  session: Session;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export interface RequestContextsOptions {
  /** Sessions, opened when they are needed. */
  most: number;
  watch: DatabaseWatch;
  /** Devices that wait in this process: they hear first of what a request adds. */
  near?: Near;
  /** Milliseconds that a request may wait for a session. */
  waitMs?: number;
}

export class RequestContexts {
  readonly #context: Context;
  readonly #o: RequestContextsOptions;
  readonly #free: Leased[] = [];
  #shared: SharedByProducers | undefined;
  readonly #waiting = new Set<Waiter>();
  /** The database's time, and when it was asked for it. */
  #clock: { ms: number; at: number } | undefined;
  #active = 0;
  #closed = false;

  constructor(context: Context, options: RequestContextsOptions) {
    this.#context = context;
    this.#o = options;
  }

  /** Requests that use a session or wait for one. */
  get busy(): number {
    return this.#active + this.#waiting.size;
  }

  /** Requests that wait for a session. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs `work` with a context whose `session()` is always the same open session, with `multiStatements`.
   * @throws AfdError E_TEMPORARY when too many wait, or it waited for too long; DatabaseError E_DATABASE at once while the
   * database is away; whatever opening a session and `work` throw
   */
  async use<T>(work: (context: RequestContext) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AfdError('E_TEMPORARY', 'The gateway is stopping.');
    const { watch } = this.#o;
    watch.begin();
    try {
      await this.#turn();
      try {
        return await this.#work(work);
      } finally {
        this.#next();
      }
    } catch (error) {
      if (isConnectionLost(error) && watch.away === undefined) watch.doubt();
      throw error;
    } finally {
      watch.end();
    }
  }

  /** All that wait for a session get this error. */
  refuseWaiting(error: Error): void {
    for (const one of this.#waiting) {
      clearTimeout(one.timer);
      one.reject(error);
    }
    this.#waiting.clear();
  }

  /** Rings that are under way are waited for; the sessions are closed with the context that they came from. */
  async close(): Promise<void> {
    this.#closed = true;
    this.refuseWaiting(new AfdError('E_TEMPORARY', 'The gateway is stopping.'));
    await this.#shared?.notifier.ringSender.close();
  }

  async #turn(): Promise<void> {
    if (this.#active < this.#o.most) {
      this.#active += 1;
      return;
    }
    if (this.#waiting.size >= MOST_WAITING)
      throw new AfdError('E_TEMPORARY', `${MOST_WAITING} requests wait for the database already.`);
    const { waitMs = WAIT_MS } = this.#o;
    await new Promise<void>((resolve, reject) => {
      const late = () => {
        this.#waiting.delete(one);
        reject(new AfdError('E_TEMPORARY', `No session with the database became free within ${waitMs / 1000} s.`));
      };
      const one: Waiter = { resolve, reject, timer: setTimeout(late, waitMs) };
      this.#waiting.add(one);
    });
  }

  /** The session of a request is free: the one that waits for longest has it. */
  #next(): void {
    const [one] = this.#waiting;
    if (one === undefined) {
      this.#active -= 1;
      return;
    }
    this.#waiting.delete(one);
    clearTimeout(one.timer);
    one.resolve();
  }

  async #work<T>(work: (context: RequestContext) => Promise<T>): Promise<T> {
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
  }

  /** Read at most once a second: in between, the monotonic clock adds what has passed. */
  async #now(session: Session): Promise<string> {
    if (this.#clock === undefined || monotonic() - this.#clock.at >= CLOCK_MS) {
      const at = monotonic();
      this.#clock = { at, ms: await databaseNowMs(session) };
    }
    const { at, ms } = this.#clock;
    return new Date(ms + monotonic() - at).toISOString();
  }

  async #open(): Promise<Leased> {
    const session = await this.#context.session({ multiStatements: true });
    let producer: Producer | undefined;
    const context: RequestContext = {
      ...this.#context,
      now: () => this.#now(session),
      session: async () => {
        await session.ready();
        return session;
      },
      producer: async () => {
        const { names, config } = this.#context;
        this.#shared ??= sharedByProducers(session, names, config, this.#o.near);
        producer ??= new Producer(session, names, config, this.#shared);
        return producer;
      },
      close: async () => {},
    };
    return { context, session };
  }
}
