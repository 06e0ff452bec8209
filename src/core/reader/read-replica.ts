// A replica that answers lists and exports. Nothing is decided by what it says, and nobody finds there what they have just changed: that is
// read from the writer.
import { type DatabaseAddress, describeAddress } from '../db/address.ts';
import { DatabaseError } from '../db/database-error.ts';
import { leaseRenewal } from '../db/leader/renewed-at.ts';
import { Session, type SessionOptions } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { monotonic } from '../runtime/clock.ts';
import { sleep } from '../runtime/loop.ts';

export interface ReadReplicaOptions {
  address: DatabaseAddress;
  names: TableNames;
  /** How its sessions are, apart from the address. The first session with the writer may change it. */
  session: () => Omit<SessionOptions, 'address' | 'writer'>;
  /** Seconds that it may be behind the writer. */
  maxDelayS: number;
  /** Opens a session with the writer, to compare with; it is asked for once. @throws DatabaseError */
  writer: () => Promise<Session>;
  /** Says once that reads go to the writer, and why (`warning`); and once that they go to the replica again (`note`). */
  say(kind: 'warning' | 'note', message: string): void;
}

/** How the replica stands. */
export interface Replicated {
  /** Seconds that it is behind the writer, at most. */
  delayS: number;
  /** Milliseconds since 1970 by the writer's clock: now. */
  nowMs: number;
}

/** Reads at the same time; of more, the rest go to the writer, where they wait for their turn. */
const MOST = 8;
/** For how long a measured delay holds, and for how long a replica that cannot be used is left alone. */
const FRESH_MS = 1000;
const PAUSE_MS = 5000;
const CONNECT_MS = 1000;
/** How long `caughtUp` waits: the leader renews its lease every few seconds. */
const CATCH_UP_MS = 5000;
const CATCH_UP_PAUSE_MS = 250;

export class ReadReplica {
  /** Which server it is, without the password. */
  readonly where: string;
  readonly #o: ReadReplicaOptions;
  readonly #free: Session[] = [];
  readonly #open = new Set<Session>();
  #busy = 0;
  #writer: Session | undefined;
  #measuring: Promise<void> | undefined;
  /** What was measured, and when; undefined = it cannot be used. */
  #found: { behindMs: number; nowMs: number; at: number } | undefined;
  /** When it is to be measured again. */
  #until = 0;
  #useless = false;
  #closed = false;

  constructor(options: ReadReplicaOptions) {
    this.#o = options;
    this.where = describeAddress(options.address);
  }

  /**
   * Runs `read` on a session with it, as long as it is not late; undefined = read from the writer, also when the replica fails in the middle of
   * `read`. @throws what `read` throws, apart from errors of the replica; of those only the one that it took too long
   */
  async tried<T>(read: (session: Session, how: Replicated) => Promise<T>): Promise<{ value: T } | undefined> {
    const how = await this.#state();
    if (how === undefined || this.#busy >= MOST) return undefined;
    return this.#use((session) => read(session, how));
  }

  /** Waits for some seconds until it has all that the writer has now. False = it has not. */
  async caughtUp(): Promise<boolean> {
    const begun = monotonic();
    for (;;) {
      const how = await this.#state();
      if (how === undefined) return false;
      const since = (monotonic() - begun) / 1000;
      if (how.delayS <= since) return true;
      if (since * 1000 > CATCH_UP_MS) return false;
      await sleep(CATCH_UP_PAUSE_MS);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#open].map((one) => one.close()));
  }

  /** Measured once a second for all. Nobody waits for one that could not be used a moment ago. */
  async #state(): Promise<Replicated | undefined> {
    if (this.#closed) return undefined;
    if (monotonic() >= this.#until) {
      this.#measuring ??= this.#measure().finally(() => {
        this.#measuring = undefined;
      });
      if (!this.#useless) await this.#measuring;
    }
    if (this.#found === undefined) return undefined;
    const { behindMs, nowMs, at } = this.#found;
    const since = monotonic() - at;
    if (behindMs + since > this.#o.maxDelayS * 1000) return undefined;
    return { delayS: (behindMs + since) / 1000, nowMs: nowMs + since };
  }

  async #use<T>(read: (session: Session) => Promise<T>): Promise<{ value: T } | undefined> {
    this.#busy += 1;
    const session = this.#free.pop() ?? this.#session();
    try {
      await session.ready();
      return { value: await read(session) };
    } catch (error) {
      // One that ran into its time limit would take as long at the writer, and a value that cannot be is none there.
      if (!(error instanceof DatabaseError) || error.retry === 'transaction' || error.fault === 'data') throw error;
      session.destroy();
      this.#over(`cannot be used (${error.message})`);
      return undefined;
    } finally {
      this.#busy -= 1;
      this.#free.push(session);
    }
  }

  /** Never rejects: where the writer cannot be asked, the last measurement counts until it is too old. */
  async #measure(): Promise<void> {
    const { names, maxDelayS } = this.#o;
    const at = monotonic();
    this.#until = at + FRESH_MS;
    let theirs: Awaited<ReturnType<typeof leaseRenewal>>;
    try {
      this.#writer ??= await this.#o.writer();
      await this.#writer.ready();
      theirs = await leaseRenewal(this.#writer, names);
    } catch {
      // The next reader of the writer gets the error.
      return;
    }
    const mine = await this.#use((session) => leaseRenewal(session, names));
    if (mine === undefined) return;
    if (theirs === undefined || mine.value === undefined)
      return this.#over('has no row of a leader, so nobody knows how far it is behind the writer');
    // It has all that was written until `mine`, by the writer's clock.
    const nowMs = theirs.renewedMs + theirs.ageMs;
    const behindMs = Math.max(0, nowMs - mine.value.renewedMs);
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    if (theirs.ageMs > maxDelayS * 1000)
      return this.#over(`cannot be compared with the writer: nobody has led for ${seconds(theirs.ageMs)} s`);
    if (behindMs > maxDelayS * 1000)
      return this.#over(`is up to ${seconds(behindMs)} s behind the writer; database.read_max_delay is ${maxDelayS} s`);
    this.#found = { behindMs, nowMs, at };
    if (this.#useless) this.#o.say('note', `Lists and exports are read from the replica ${this.where} again.`);
    this.#useless = false;
  }

  #over(why: string): void {
    if (this.#closed) return;
    if (!this.#useless)
      this.#o.say('warning', `Lists and exports are read from the writer: the replica ${this.where} ${why}.`);
    this.#useless = true;
    this.#found = undefined;
    this.#until = monotonic() + PAUSE_MS;
  }

  #session(): Session {
    const { address, session } = this.#o;
    const one = new Session({
      ...session(),
      ...{ address, replica: true, multiStatements: true, connectTimeoutMs: CONNECT_MS },
    });
    this.#open.add(one);
    return one;
  }
}
