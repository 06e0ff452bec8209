// The calls that are under way on one connection. Each ends: by its answer, by its deadline, or with the connection. And
// none is answered without end: a server that goes on sending would fill the memory of its client before the deadline.
import { DatabaseError, SHOW_CONFIG } from './database-error.ts';

const MIB = 1024 * 1024;
/** Bytes of an answer before the server has said who it is. */
const OPENING = MIB;
/** Bytes of any other answer, at least and at most: one row may be as large as max_allowed_packet. */
const LEAST = 64 * MIB;
const MOST = 256 * MIB;

export type Done = (error: unknown, result?: unknown) => void;

export class OpenCalls {
  /** Names the server for the reader. */
  where: string;
  readonly #open = new Set<(error: unknown) => void>();
  #limit = OPENING;
  #received = 0;

  constructor(where: string) {
    this.where = where;
  }

  /** Says how large an answer may be: `undefined` = of a server that is being opened. */
  allow(maxAllowedPacket: number | undefined): void {
    this.#limit = maxAllowedPacket === undefined ? OPENING : Math.min(MOST, Math.max(LEAST, maxAllowedPacket + MIB));
    this.#received = 0;
  }

  /**
   * One call of the driver with a deadline of its own: mysql2's `timeout` would leave the query running on the
   * connection. `late` is called when the deadline has passed, after the call was rejected; undefined = there is no
   * deadline.
   * @throws DatabaseError
   */
  run(
    deadlineMs: number | undefined,
    start: (done: Done) => void,
    late: (error: DatabaseError) => void,
  ): Promise<unknown> {
    if (this.#open.size === 0) this.#received = 0;
    return new Promise<unknown>((resolve, reject) => {
      const settle: Done = (error, result) => {
        clearTimeout(timer);
        this.#open.delete(settle);
        // Answers come in the order of their calls: what comes from now on belongs to the next one.
        this.#received = 0;
        if (error === null || error === undefined) resolve(result);
        else reject(error);
      };
      const expire = (ms: number) => {
        if (!this.#open.has(settle)) return;
        const error = noAnswer(this.where, ms);
        settle(error);
        late(error);
      };
      // After a process stood still, its timers run before its sockets are read: what came by then is an answer in time.
      const whenRead = (ms: number) => setImmediate(() => expire(ms));
      const timer = deadlineMs === undefined ? undefined : setTimeout(() => whenRead(deadlineMs), deadlineMs);
      this.#open.add(settle);
      start(settle);
    });
  }

  /** Ends all of them: the driver never answers a call on a connection that it has destroyed. */
  fail(error: DatabaseError): void {
    for (const settle of [...this.#open]) settle(error);
  }

  /** Counts bytes that came. Returns the error to end the connection with once there are more than an answer may have. */
  receive(bytes: number): DatabaseError | undefined {
    this.#received += bytes;
    return this.#received > this.#limit ? tooLong(this.where, this.#limit) : undefined;
  }
}

/** The server did not answer in time. */
export function isHung(error: DatabaseError | undefined): boolean {
  return error?.driverCode === 'AFD_DEADLINE';
}

/** There is no connection, or none any more. */
export function goneError(where: string, why: string): DatabaseError {
  return new DatabaseError('E_DATABASE', `The database at ${where} cannot be reached: ${why}.`, {
    retry: 'connection',
    suggestions: SHOW_CONFIG,
  });
}

/** The server closes the connection on a packet that is too large: refused here, the session lives on. @throws DatabaseError */
export function assertPacketSize(text: string, maxAllowedPacket: number | undefined): void {
  const limit = (maxAllowedPacket ?? Number.POSITIVE_INFINITY) - 64;
  // No character takes more than three bytes per UTF-16 unit.
  if (text.length * 3 <= limit || Buffer.byteLength(text) <= limit) return;
  const why = `exceeds max_allowed_packet of the server, ${limit + 64} bytes`;
  const message = `A statement of ${text.length} characters ${why}. Send less data, or set max_allowed_packet higher.`;
  throw new DatabaseError('E_FAILED', message, { retry: 'final', fault: 'data' });
}

function noAnswer(where: string, deadlineMs: number): DatabaseError {
  return new DatabaseError('E_DATABASE', `The database at ${where} did not answer within ${deadlineMs} ms.`, {
    retry: 'connection',
    driverCode: 'AFD_DEADLINE',
    suggestions: SHOW_CONFIG,
  });
}

function tooLong(where: string, limit: number): DatabaseError {
  const message = `The database at ${where} sent more than ${limit / MIB} MiB in one answer, so afd closed the connection.`;
  return new DatabaseError('E_DATABASE', message, { retry: 'connection', driverCode: 'AFD_ANSWER_TOO_LONG' });
}
