import { AfdError, type ErrorCode } from '../domain/errors.ts';
import { type ErrorKind, type Fault, kindOf, type RetryKind } from './error-kinds.ts';
import { missingGrant, type Who } from './missing-right.ts';
import { type TlsError, tlsProblem } from './tls-problem.ts';

export type { Fault, RetryKind } from './error-kinds.ts';

interface Detail {
  errno?: number;
  driverCode?: string;
  retry: RetryKind;
  /** Of a `final` error (default `statement`). */
  fault?: Fault;
  /** The server says that nothing of the statement is done. */
  undone?: boolean;
  /** It says so of the whole transaction, also as the answer to a COMMIT. */
  rolledBack?: boolean;
  /** The connection was never opened. */
  refused?: boolean;
  cause?: unknown;
  suggestions?: string[];
}

/** An error of the driver or the server, with what may be done about it. The only error that `Session` raises. */
export class DatabaseError extends AfdError {
  readonly errno: number | undefined;
  readonly driverCode: string | undefined;
  readonly retry: RetryKind;
  /** Set exactly when `retry` is `final`. */
  readonly fault: Fault | undefined;
  /** The failed statement did nothing, for certain. False of a lost connection, and of numbers that are not listed. */
  readonly undone: boolean;
  /** The same of a COMMIT, by itself or in a batch: its transaction is rolled back. A deadlock or the like. */
  readonly rolledBack: boolean;
  /** No connection was to be had: nothing was sent. */
  readonly refused: boolean;

  constructor(code: ErrorCode, message: string, detail: Detail) {
    super(code, message, {
      ...(detail.cause === undefined ? {} : { cause: detail.cause }),
      ...(detail.suggestions === undefined ? {} : { suggestions: detail.suggestions }),
      data: { errno: detail.errno, driver_code: detail.driverCode },
    });
    this.name = 'DatabaseError';
    this.errno = detail.errno;
    this.driverCode = detail.driverCode;
    this.retry = detail.retry;
    this.fault = detail.retry === 'final' ? (detail.fault ?? 'statement') : undefined;
    this.refused = detail.refused ?? false;
    this.rolledBack = detail.rolledBack ?? false;
    this.undone = detail.undone ?? (this.rolledBack || this.fault !== undefined || this.refused);
  }
}

interface Telling extends Pick<Detail, 'retry' | 'fault' | 'undone' | 'rolledBack' | 'refused' | 'suggestions'> {
  code: ErrorCode;
  says(where: string): string;
}

/** For messages about a database that cannot be reached: which one it is, and where its address comes from. */
export const SHOW_CONFIG = ['afd config show'];

const TELLING: Record<ErrorKind, Telling> = {
  lock: {
    code: 'E_TEMPORARY',
    retry: 'transaction',
    rolledBack: true,
    says: () => 'The database rolled back a transaction because of a lock conflict',
  },
  'broken-off': {
    code: 'E_TEMPORARY',
    retry: 'transaction',
    undone: true,
    says: () => 'The database interrupted a statement',
  },
  unknown: {
    code: 'E_TEMPORARY',
    retry: 'transaction',
    says: (where) => `The database at ${where} did not execute a statement`,
  },
  gone: {
    code: 'E_DATABASE',
    retry: 'connection',
    suggestions: SHOW_CONFIG,
    says: (where) => `The database at ${where} cannot be reached`,
  },
  refused: {
    code: 'E_DATABASE',
    retry: 'slow',
    refused: true,
    says: (where) => `The database at ${where} accepts no more connections`,
  },
  full: {
    code: 'E_DATABASE',
    retry: 'slow',
    undone: true,
    says: (where) => `The database at ${where} is out of disk space, memory or another resource`,
  },
  data: { code: 'E_FAILED', retry: 'final', fault: 'data', says: () => 'The database refused a statement' },
  statement: { code: 'E_FAILED', retry: 'final', says: () => 'The database refused a statement' },
  setting: {
    code: 'E_CONFIG',
    retry: 'final',
    says: (where) => `A setting of the server at ${where} does not allow this`,
  },
  schema: {
    code: 'E_SCHEMA',
    retry: 'final',
    suggestions: ['afd migrate up'],
    says: (where) => `The schema at ${where} does not match this version of afd`,
  },
  rights: {
    code: 'E_FORBIDDEN',
    retry: 'final',
    suggestions: SHOW_CONFIG,
    says: (where) => `The database at ${where} denied access`,
  },
  'no-database': {
    code: 'E_CONFIG',
    retry: 'final',
    says: (where) => `The database at ${where} does not have this schema`,
  },
};

interface DriverError extends TlsError {
  message?: string;
  errno?: number;
  code?: string;
  fatal?: boolean;
  sqlState?: string;
}

/**
 * Turns whatever mysql2 threw into a DatabaseError. `where` names the server for the reader, e.g. `127.0.0.1:3306/afd`;
 * `who` is whose right is missing, if one is.
 */
export function databaseError(raw: unknown, where: string, who?: Who): DatabaseError {
  if (raw instanceof DatabaseError) return raw;
  const error = raw as DriverError;
  const errno = typeof error.errno === 'number' && error.errno > 0 ? error.errno : undefined;
  const text = error.message ?? String(raw);
  const kind = kindOfDriverError(error, errno, text);
  const { code, says, ...telling } = TELLING[kind];
  const grants = kind === 'rights' && who !== undefined ? missingGrant(text, who) : [];
  return new DatabaseError(code, `${says(where)}: ${tlsProblem(error) ?? text}`, {
    ...telling,
    ...(grants.length === 0 ? {} : { suggestions: grants }),
    ...(errno === undefined ? {} : { errno }),
    ...(error.code === undefined ? {} : { driverCode: error.code }),
    cause: raw,
  });
}

function kindOfDriverError(error: DriverError, errno: number | undefined, text: string): ErrorKind {
  if (errno !== undefined) {
    const kind = kindOf(errno, error.sqlState);
    // An error that ends the connection, while it was being opened: there is nothing to repeat on it.
    return kind === 'unknown' && error.fatal === true ? 'gone' : kind;
  }
  // A dead idle connection is reported by mysql2 as fatal without any code; network errors carry a negative errno.
  const network = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT|PROTOCOL_)/.test(error.code ?? '');
  const closed = /closed state|Connection lost|connection is in closed/i.test(text);
  // What is left was thrown by the driver itself about what it was given: a bug, and no fault of any row.
  return network || closed || error.fatal === true ? 'gone' : 'statement';
}

/**
 * True when there is no connection: it is gone, so that the outcome of what was sent last is unknown, or there was none to
 * be had.
 */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof DatabaseError && (error.retry === 'connection' || error.refused);
}

/** True when the same may go through another time, on this connection or another: nothing that was asked for is thrown away. */
export function isTransient(error: unknown): boolean {
  return error instanceof DatabaseError && error.fault === undefined;
}

/** ER_DUP_ENTRY */
const DUPLICATE = 1062;

/** A key is there already: the statement did nothing, and its transaction is open as before. */
export function isDuplicate(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.errno === DUPLICATE;
}

/** True when a batch with a COMMIT in it may have been carried out all the same: find out by key or token. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof DatabaseError && !error.rolledBack && !error.refused && error.fault === undefined;
}

/** A write whose outcome is unknown is to its caller what a lost connection is. */
export function unknownOutcome(what: string, error: DatabaseError): DatabaseError {
  if (error.retry === 'connection') return error;
  return new DatabaseError('E_DATABASE', `It is unknown whether ${what} was executed: ${error.message}`, {
    ...(error.errno === undefined ? {} : { errno: error.errno }),
    retry: 'connection',
    cause: error,
    suggestions: ['afd status'],
  });
}

/** There is no connection yet, whatever the server said: nothing can be repeated on it, and nothing was written. */
export function unopened(error: DatabaseError): DatabaseError {
  if (error.retry === 'final' || error.retry === 'connection' || error.refused) return error;
  const { errno, driverCode, suggestions } = error;
  return new DatabaseError('E_DATABASE', error.message, {
    ...(errno === undefined ? {} : { errno }),
    ...(driverCode === undefined ? {} : { driverCode }),
    suggestions,
    retry: 'connection',
    cause: error,
  });
}

/**
 * Another session was faster with a key, and what this transaction has written since cannot be taken back alone: the caller rolls all of
 * it back and repeats it, as after a deadlock. Each time it finds more of what the others have committed.
 */
export class Overtaken extends DatabaseError {
  constructor(cause: DatabaseError) {
    super('E_TEMPORARY', `Another session was faster with a key: ${cause.message}`, {
      retry: 'transaction',
      rolledBack: true,
      cause,
    });
  }
}
