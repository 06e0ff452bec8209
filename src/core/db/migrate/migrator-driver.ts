// What knex takes for its driver: our own way to open a connection, whose calls end although they have no deadline.
import type { Connection } from 'mysql2';
import { type DatabaseAddress, describeAddress } from '../address.ts';
import { connectionOptions } from '../connection-options.ts';
import { DatabaseError } from '../database-error.ts';
import { cut, openConnection } from '../driver.ts';
import { OpenCalls } from '../open-calls.ts';
import { ServerPulse, type ServerWaits } from '../server-pulse.ts';

/** For the TCP connection, and for each of the first statements. */
const CONNECT_MS = 3000;
const OPENING_MS = 5000;

type Callback = (error: unknown, ...answer: unknown[]) => void;

export class MigratorDriver {
  readonly #address: DatabaseAddress;
  readonly #pulse: ServerPulse;
  readonly #where: string;
  readonly #own = new WeakSet<object>();
  /** Of a call; undefined once the connection is open: an index over millions of rows takes minutes. */
  #deadlineMs: number | undefined = OPENING_MS;
  /** Makes the error that ended the connection. knex writes the statement into the message of what it is given. */
  failure: (() => DatabaseError) | undefined;

  constructor(address: DatabaseAddress, waits: ServerWaits) {
    this.#address = address;
    this.#pulse = new ServerPulse(address, waits);
    this.#where = describeAddress(address);
  }

  /** Called by knex. */
  createConnection(): Connection {
    const calls = new OpenCalls(this.#where);
    calls.allow(Number.POSITIVE_INFINITY);
    const end = (failure: () => DatabaseError) => {
      this.failure ??= failure;
      calls.fail(failure());
      cut(connection);
    };
    const connection = openConnection(connectionOptions(this.#address, CONNECT_MS), {
      certifiedHost: this.#address.certifiedHost,
      onBytes(bytes) {
        const tooLong = calls.receive(bytes);
        if (tooLong !== undefined) end(() => tooLong);
      },
    });
    const query = connection.query.bind(connection) as unknown as (...given: unknown[]) => void;
    const ending = (...given: unknown[]) => {
      const done = given.pop() as Callback;
      const start = (settle: Callback) =>
        query(...given, (error: unknown, ...answer: unknown[]) => settle(error, answer));
      const late = () => end(() => this.#silent(OPENING_MS));
      this.#pulse
        .during(calls.run(this.#deadlineMs, start, late), () => end(() => this.#silent(this.#pulse.silenceMs)))
        .then(
          (answer) => done(null, ...(answer as unknown[])),
          (error: unknown) => done(error),
        );
    };
    (connection as unknown as { query: unknown }).query = ending;
    this.#own.add(connection);
    return connection;
  }

  /** The settings of the connection are made: from now on a call may take as long as it takes. */
  opened(): void {
    this.#deadlineMs = undefined;
  }

  /** @throws DatabaseError E_INTERNAL when knex has opened it by another driver: neither certificate nor deadline would hold */
  assertOwn(connection: object): void {
    if (this.#own.has(connection)) return;
    throw new DatabaseError('E_INTERNAL', 'knex opened its own connection.', { retry: 'final' });
  }

  #silent(ms: number): DatabaseError {
    const message = `The database at ${this.#where} has not answered for ${ms / 1000} s; the current statement may still be executed.`;
    return new DatabaseError('E_DATABASE', message, {
      retry: 'connection',
      driverCode: 'AFD_DEADLINE',
      suggestions: ['afd migrate status', 'afd migrate up'],
    });
  }
}
