// A replica that answers lists and exports. Nothing is decided by what it says, and nobody finds there what they have just changed: that is
// read from the writer.

import { type DatabaseAddress, describeAddress } from '../db/address.ts';
import { isConnectionLost } from '../db/database-error.ts';
import { leaseRenewal } from '../db/leader/renewed-at.ts';
import { Session, type SessionOptions } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { monotonic } from '../runtime/clock.ts';

export interface ReadReplicaOptions {
  address: DatabaseAddress;
  names: TableNames;
  /** How its sessions are, apart from the address. The first session with the writer may change it. */
  session: () => Omit<SessionOptions, 'address' | 'writer'>;
  /** Seconds that it may be behind the writer. */
  maxDelayS: number;
  /** Opens a session with the writer, to compare with; it is asked for once. @throws DatabaseError */
  writer: () => Promise<Session>;
  /** Says once that reads go to the writer, and why; and once that they go to the replica again. */
  say(message: string): void;
}

/** How the replica stands. */
export interface Replicated {
  /** Seconds that it is behind the writer, at most. */
  delayS: number;
  /** Milliseconds since 1970 by the writer's clock: now. */
  nowMs: number;
}

/** For how long a measured delay holds, and for how long a replica that cannot be used is left alone. */
const FRESH_MS = 1000;
const PAUSE_MS = 5000;
const CONNECT_MS = 1000;

export class ReadReplica {
  readonly #o: ReadReplicaOptions;
  /** Which server it is, without the password. */
  readonly where: string;
  readonly #free: Session[] = [];
  readonly #open = new Set<Session>();
  #writer: Session | undefined;
  #measuring: Promise<void> | undefined;
  /** What was measured, and when; undefined = it cannot be used. */
  #found: { behindMs: number; nowMs: number; at: number } | undefined;
  #until = 0;
  #useless = false;

  constructor(options: ReadReplicaOptions) {
    this.#o = options;
    this.where = describeAddress(options.address);
  }

  /**
   * Runs `read` on a session with it, as long as it is not late; undefined = read from the writer, also when it fails in the middle of `read`.
   * @throws what `read` throws, unless the connection was lost; DatabaseError of the writer
   */
  async tried<T>(read: (session: Session, how: Replicated) => Promise<T>): Promise<{ value: T } | undefined> {
    const how = await this.#state();
    if (how === undefined) return undefined;
    const session = this.#free.pop() ?? this.#session();
    try {
      await session.ready();
      return { value: await read(session, how) };
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
      session.destroy();
      this.#over(`cannot be used (${(error as Error).message})`);
      return undefined;
    } finally {
      this.#free.push(session);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((one) => one.close()));
  }

  /** Measured once a second for all callers. @throws DatabaseError of the writer */
  async #state(): Promise<Replicated | undefined> {
    if (monotonic() >= this.#until) {
      this.#measuring ??= this.#measure().finally(() => {
        this.#measuring = undefined;
      });
      await this.#measuring;
    }
    if (this.#found === undefined) return undefined;
    const { behindMs, nowMs, at } = this.#found;
    const since = monotonic() - at;
    return { delayS: (behindMs + since) / 1000, nowMs: nowMs + since };
  }

  async #measure(): Promise<void> {
    const { names, maxDelayS } = this.#o;
    this.#writer ??= await this.#o.writer();
    await this.#writer.ready();
    const at = monotonic();
    const theirs = await leaseRenewal(this.#writer, names);
    const session = this.#free.pop() ?? this.#session();
    try {
      await session.ready();
      const mine = await leaseRenewal(session, names);
      if (theirs === undefined || mine === undefined)
        return this.#over('has no row of a leader, so nobody knows how far it is behind the writer');
      // It has all that was written until `mine`, by the writer's clock.
      const nowMs = theirs.renewedMs + theirs.ageMs;
      const behindMs = Math.max(0, nowMs - mine.renewedMs);
      if (behindMs > maxDelayS * 1000)
        return this.#over(
          `is up to ${(behindMs / 1000).toFixed(1)} s behind the writer; database.read_max_delay is ${maxDelayS} s`,
        );
      this.#found = { behindMs, nowMs, at };
      this.#until = at + FRESH_MS;
    } catch (error) {
      session.destroy();
      return this.#over(`cannot be used (${(error as Error).message})`);
    } finally {
      this.#free.push(session);
    }
    if (this.#useless) this.#o.say(`Lists and exports are read from the replica ${this.where} again.`);
    this.#useless = false;
  }

  #over(why: string): undefined {
    if (!this.#useless) this.#o.say(`Lists and exports are read from the writer: the replica ${this.where} ${why}.`);
    this.#useless = true;
    this.#found = undefined;
    this.#until = monotonic() + PAUSE_MS;
  }

  #session(): Session {
    const { address, session } = this.#o;
    const one = new Session({ ...session(), address, replica: true, connectTimeoutMs: CONNECT_MS });
    this.#open.add(one);
    return one;
  }
}
