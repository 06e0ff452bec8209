// A replica that answers lists, statistics and exports. Nothing is decided by what it says, and nobody finds there what they have just
// changed: that is read from the writer.
import { leaseRenewal } from '../db/leader/renewed-at.ts';
import { type DatabaseAddress, Session, type SessionOptions } from '../db/session.ts';
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

/** For how long a measured delay holds, and for how long a replica that cannot be used is left alone. */
const FRESH_MS = 1000;
const PAUSE_MS = 5000;
const CONNECT_MS = 1000;

export class ReadReplica {
  readonly #o: ReadReplicaOptions;
  #own: Session | undefined;
  #writer: Session | undefined;
  #measuring: Promise<number | undefined> | undefined;
  #measured: { delayS: number | undefined; until: number } = { delayS: undefined, until: 0 };
  #useless = false;
  readonly #open = new Set<Session>();

  constructor(options: ReadReplicaOptions) {
    this.#o = options;
  }

  /** Which server it is, without a password. */
  get where(): string {
    return (this.#own ??= this.#session()).where;
  }

  /**
   * Seconds that it is behind the writer, at most; undefined = it is late, or cannot be reached, and the writer is to be asked. Measured once a
   * second for all callers. @throws DatabaseError of the writer
   */
  async delay(): Promise<number | undefined> {
    if (monotonic() < this.#measured.until) return this.#measured.delayS;
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  /** An open session with it, which its caller closes. @throws DatabaseError */
  async session(): Promise<Session> {
    const session = this.#session();
    this.#open.add(session);
    await session.ready();
    return session;
  }

  /** It did not answer: it is left alone for some seconds. */
  failed(error: Error): void {
    this.#over(`cannot be used (${error.message})`);
  }

  async close(): Promise<void> {
    await Promise.all([this.#own?.close(), ...[...this.#open].map((one) => one.close())]);
  }

  async #measure(): Promise<number | undefined> {
    const { names, maxDelayS } = this.#o;
    this.#writer ??= await this.#o.writer();
    await this.#writer.ready();
    const theirs = await leaseRenewal(this.#writer, names);
    let delayS: number;
    try {
      const session = (this.#own ??= this.#session());
      await session.ready();
      const mine = await leaseRenewal(session, names);
      // It has what was written until then, at least. Both times are of the writer's clock.
      delayS = theirs === undefined || mine === undefined ? Number.POSITIVE_INFINITY : behind(mine, theirs) / 1000;
    } catch (error) {
      return this.#over(`cannot be used (${(error as Error).message})`);
    }
    if (delayS > maxDelayS)
      return this.#over(
        Number.isFinite(delayS)
          ? `is up to ${delayS.toFixed(1)} s behind the writer, more than database.read_max_delay (${maxDelayS} s)`
          : 'has no row of the leader, so nobody knows how far it is behind the writer',
      );
    if (this.#useless) this.#o.say(`Lists and exports are read from the replica ${this.where} again.`);
    this.#useless = false;
    this.#measured = { delayS, until: monotonic() + FRESH_MS };
    return delayS;
  }

  #over(why: string): undefined {
    if (!this.#useless) this.#o.say(`Lists and exports are read from the writer: the replica ${this.where} ${why}.`);
    this.#useless = true;
    this.#measured = { delayS: undefined, until: monotonic() + PAUSE_MS };
    return undefined;
  }

  #session(): Session {
    const { address, session } = this.#o;
    return new Session({ ...session(), address, replica: true, connectTimeoutMs: CONNECT_MS });
  }
}

/** Milliseconds. `theirs.ageMs` is the time since the renewal that the writer knows; the replica may know an earlier one. */
function behind(mine: { renewedMs: number }, theirs: { renewedMs: number; ageMs: number }): number {
  return Math.max(0, theirs.renewedMs - mine.renewedMs) + theirs.ageMs;
}
