// The one way to the server. A session is one connection with known settings, a deadline for every call, and an error
// listener from birth; after a loss it is destroyed and `ready()` opens another. Nothing here retries a statement.
import type { Connection } from 'mysql2';
import { type DatabaseAddress, describeAddress, Target, type WriterSource } from './address.ts';
import { sessionOptions } from './connection-options.ts';
import { type DatabaseError, databaseError, unopened } from './database-error.ts';
import { assertFoundRows, cut, openConnection, streamOf } from './driver.ts';
import type { Who } from './missing-right.ts';
import { assertPacketSize, type Done, goneError, isHung, OpenCalls } from './open-calls.ts';
import type { Result, Row, WriteResult } from './results.ts';
import { OPENING_MS, openingStatements, type ServerFacts, serverFacts } from './server-facts.ts';

export interface SessionOptions {
  address: DatabaseAddress;
  /** Finds the writer where the address has several members; undefined = it has not. */
  writer?: WriterSource | undefined;
  /** It only reads, and its server may be read-only. */
  replica?: boolean;
  /** Session time_zone, `+00:00` on fresh installs (the adopted task table's zone otherwise). */
  timeZone: string;
  /** wait_timeout in seconds: after this time of silence the server itself ends the session and frees its locks. */
  idleTimeoutS: number;
  /** Every call ends within this many milliseconds, or the connection is destroyed; the server ends each statement before. */
  deadlineMs: number;
  /** Only for sessions that send nothing but the literal statements of core/db. */
  multiStatements: boolean;
  connectTimeoutMs?: number;
  /** Whose account it is, for the error of a right that is missing. */
  role?: Who['role'];
  /** A connection was opened, the first or another after a loss. */
  onOpen?: (facts: ServerFacts) => void;
  /** The open connection was lost: by the network, by the server, or by a call that did not end in time. */
  onLost?: () => void;
}

export type { DatabaseAddress } from './address.ts';
export type { Result, Row, WriteResult } from './results.ts';

export class Session {
  readonly options: SessionOptions;
  #connection: Connection | undefined;
  #facts: ServerFacts | undefined;
  #opening: Promise<ServerFacts> | undefined;
  #closed = false;
  readonly #calls: OpenCalls;
  readonly #target: Target;

  constructor(options: SessionOptions) {
    this.options = options;
    this.#target = new Target(options.address, options.writer);
    this.#calls = new OpenCalls(describeAddress(options.address));
  }

  /** Which server it is, as it was last found; of several members that were not asked yet, all of them. */
  get where(): string {
    return this.#calls.where;
  }

  /** True while the connection is believed to live. */
  get alive(): boolean {
    return this.#connection !== undefined;
  }

  /** @throws DatabaseError when the session is not open. */
  get facts(): ServerFacts {
    if (this.#facts === undefined) throw goneError(this.where, 'the session is not open');
    return this.#facts;
  }

  /** Opens the connection if it is not open, and returns the server's facts. @throws DatabaseError */
  async ready(): Promise<ServerFacts> {
    if (this.#closed) throw goneError(this.where, 'the session was closed');
    if (this.#connection !== undefined && this.#facts !== undefined) return this.#facts;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** Rows of a SELECT. @throws DatabaseError */
  async rows<T = Row>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#send(sql, values)) as T[];
  }

  /** Counts of a write. @throws DatabaseError */
  async write(sql: string, values: unknown[] = []): Promise<WriteResult> {
    return (await this.#send(sql, values)) as WriteResult;
  }

  /** A statement batch: several statements in one round trip; one result each. Needs `multiStatements`. @throws DatabaseError */
  async batch(statements: Array<{ sql: string; values?: unknown[] }>): Promise<Result[]> {
    // One at a time: in one text of all, a driver would search the finished SQL for placeholders.
    const sql = statements.map((one) => this.#text(one.sql, one.values ?? [])).join(';\n');
    const result = (await this.#send(sql, [])) as unknown[];
    return (statements.length === 1 ? [result] : result) as Result[];
  }

  /** Round trip that touches no table; keeps the session from its wait_timeout. @throws DatabaseError */
  async ping(): Promise<void> {
    await this.#send('DO 0', []);
  }

  /** Says goodbye; at most `deadlineMs`. Afterwards the session cannot be used again. */
  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    this.#target.left();
    // Nothing waits any more for a connection that is being opened.
    if (connection === undefined) return this.#calls.fail(goneError(this.where, 'the session was closed'));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        cut(connection);
        resolve();
      }, 1000);
      connection.end(() => {
        clearTimeout(timer);
        // Said, but perhaps not heard: a server that stands still must not keep this process.
        streamOf(connection)?.unref();
        resolve();
      });
    });
  }

  /** Drops the connection without a word; `ready()` opens another. The server rolls back what was open. */
  destroy(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#target.left();
    if (connection !== undefined) this.#cut(connection);
  }

  async #open(): Promise<ServerFacts> {
    await this.#target.choose();
    const { address } = this.#target;
    try {
      return await this.#connect();
    } catch (error) {
      // The writer may have been found long ago, and another has taken its place since.
      await this.#target.choose();
      if (this.#target.address === address) throw error;
      return this.#connect();
    }
  }

  async #connect(): Promise<ServerFacts> {
    const { connectTimeoutMs = 3000 } = this.options;
    const { address } = this.#target;
    if (this.#closed) throw goneError(this.where, 'the session was closed while it was being opened');
    this.#calls.where = describeAddress(address);
    this.#calls.allow(undefined);
    const options = sessionOptions(address, connectTimeoutMs, this.options.multiStatements);
    const connection = openConnection(options, {
      certifiedHost: address.certifiedHost,
      onBytes: (bytes) => this.#receive(connection, bytes),
    });
    // From birth: without a listener a dead idle connection ends the process. Not on 'end' too: it comes before the driver
    // has failed the call that is under way, and a connection destroyed by then never does.
    connection.on('error', () => this.#drop(connection));
    try {
      await this.#call(connection, connectTimeoutMs, (done) => connection.connect((error) => done(error, undefined)));
      assertFoundRows(connection);
      const facts = await this.#prepare(connection);
      if (this.#closed) throw goneError(this.where, 'the session was closed while it was being opened');
      this.#connection = connection;
      this.#facts = facts;
      this.#calls.allow(facts.maxAllowedPacket);
      this.#target.opened(() => this.#drop(connection));
      this.options.onOpen?.(facts);
      return facts;
    } catch (raw) {
      cut(connection);
      const error = unopened(databaseError(raw, this.where, this.#who(undefined)));
      if (!error.refused) this.#target.left(isHung(error) ? 'hung' : 'broken');
      throw error;
    }
  }

  async #prepare(connection: Connection): Promise<ServerFacts> {
    const deadlineMs = Math.min(this.options.deadlineMs, OPENING_MS);
    const ask = (sql: string) =>
      this.#call(connection, deadlineMs, (done) => connection.query(sql, (error, result) => done(error, result)));
    const options = { ...this.options, topology: this.#target.topology };
    const texts = openingStatements(options).map(({ sql, values }) => connection.format(sql, values));
    // One round trip where the server takes them all at once.
    const answers = this.options.multiStatements ? await ask(texts.join(';\n')) : [];
    if (!this.options.multiStatements) for (const text of texts) (answers as unknown[]).push(await ask(text));
    return serverFacts(answers as Row[][], connection, this.where, options);
  }

  #text(sql: string, values: unknown[]): string {
    if (values.length === 0) return sql;
    if (this.#connection === undefined) throw goneError(this.where, 'the connection was lost');
    return this.#connection.format(sql, values);
  }

  async #send(sql: string, values: unknown[]): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined) throw goneError(this.where, 'the connection was lost');
    const text = this.#text(sql, values);
    assertPacketSize(text, this.#facts?.maxAllowedPacket);
    try {
      return await this.#call(connection, this.options.deadlineMs, (done) =>
        connection.query(text, (error, result) => done(error, result)),
      );
    } catch (raw) {
      const error = databaseError(raw, this.where, this.#who(this.#facts?.account));
      // 1153: the packet was too large, and the server has closed the connection on it.
      if (error.retry === 'connection' || error.errno === 1153) this.#drop(connection, error);
      throw error;
    }
  }

  #call(connection: Connection, deadlineMs: number, start: (done: Done) => void): Promise<unknown> {
    return this.#calls.run(deadlineMs, start, (late) => {
      this.#drop(connection, late);
      cut(connection);
    });
  }

  /** Every caller that waits for an answer gets the error that ended the connection. */
  #receive(connection: Connection, bytes: number): void {
    const error = this.#calls.receive(bytes);
    if (error === undefined) return;
    this.#calls.fail(error);
    this.#drop(connection);
    cut(connection);
  }

  #cut(connection: Connection): void {
    cut(connection);
    this.#calls.fail(goneError(this.where, 'the connection was lost'));
  }

  /** `why`: the error of the call that it is about; none = the connection is just gone. */
  #drop(connection: Connection, why?: DatabaseError): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#target.left(isHung(why) ? 'hung' : 'broken');
    this.#cut(connection);
    this.options.onLost?.();
  }

  #who(account: string | undefined): Who {
    return { account, schema: this.options.address.database, role: this.options.role };
  }
}
