import { AfdError, type ErrorCode } from '../domain/errors.ts';

/**
 * What to do after a database error. The retry table of afd lives in this file and nowhere else.
 * - `transaction`: the whole transaction may be repeated at once on the same connection (after ROLLBACK).
 * - `connection`: the connection is useless or points at the wrong server; open another. What a COMMIT did is unknown.
 * - `slow`: the server refuses connections for now; wait with backoff.
 * - `final`: repeating it gives the same answer.
 */
export type RetryKind = 'transaction' | 'connection' | 'slow' | 'final';

/** 1213 deadlock, 1205 lock wait (keeps the transaction open, so ROLLBACK), 1020 record changed (MariaDB >= 11.6.2). */
const TRANSACTION = new Set([1213, 1205, 1020]);
/** Read-only or dying server (1290 1792 1836 1053 1927 4031), killed connection (1317 is a killed query), gone (2006 2013), packet too large closes it (1153). */
const CONNECTION = new Set([1290, 1792, 1836, 1053, 1927, 4031, 2006, 2013, 1153, 1158, 1159, 1160, 1161]);
/** Too many connections: for the server, the account's resource, the account. */
const SLOW = new Set([1040, 1203, 1226]);
/** Refused by grants or credentials. */
const FORBIDDEN = new Set([1044, 1045, 1142, 1143, 1227, 1370, 1698]);
/** Unknown table or column: a schema that this version does not know. */
const SCHEMA = new Set([1146, 1054]);

interface DriverError {
  message?: string;
  errno?: number;
  code?: string;
  fatal?: boolean;
  sqlState?: string;
}

/** An error of the driver or the server, with what may be done about it. The only error that `Session` raises. */
export class DatabaseError extends AfdError {
  readonly errno: number | undefined;
  readonly driverCode: string | undefined;
  readonly retry: RetryKind;

  constructor(
    code: ErrorCode,
    message: string,
    detail: { errno?: number; driverCode?: string; retry: RetryKind; cause?: unknown; suggestions?: string[] },
  ) {
    super(code, message, {
      ...(detail.cause === undefined ? {} : { cause: detail.cause }),
      ...(detail.suggestions === undefined ? {} : { suggestions: detail.suggestions }),
      data: { errno: detail.errno, driver_code: detail.driverCode },
    });
    this.name = 'DatabaseError';
    this.errno = detail.errno;
    this.driverCode = detail.driverCode;
    this.retry = detail.retry;
  }
}

/** Turns whatever mysql2 threw into a DatabaseError. `where` names the server for the reader, e.g. `127.0.0.1:3306/afd`. */
export function databaseError(raw: unknown, where: string): DatabaseError {
  if (raw instanceof DatabaseError) return raw;
  const error = raw as DriverError;
  const errno = typeof error.errno === 'number' && error.errno > 0 ? error.errno : undefined;
  const text = error.message ?? String(raw);
  const detail = {
    ...(errno === undefined ? {} : { errno }),
    ...(error.code === undefined ? {} : { driverCode: error.code }),
    cause: raw,
  };
  if (errno !== undefined && TRANSACTION.has(errno)) {
    return new DatabaseError('E_TEMPORARY', `The database gave up a lock: ${text}`, {
      ...detail,
      retry: 'transaction',
    });
  }
  if (errno !== undefined && SLOW.has(errno)) {
    return new DatabaseError('E_DATABASE', `The database at ${where} takes no more connections: ${text}`, {
      ...detail,
      retry: 'slow',
    });
  }
  if (errno !== undefined && FORBIDDEN.has(errno)) {
    return new DatabaseError('E_FORBIDDEN', `The database at ${where} refused: ${text}`, {
      ...detail,
      retry: 'final',
      suggestions: ['check database.user and database.password, or AFD_DATABASE_URL'],
    });
  }
  if (errno === 1049) {
    return new DatabaseError('E_CONFIG', `The database at ${where} has no such schema: ${text}`, {
      ...detail,
      retry: 'final',
    });
  }
  if (errno !== undefined && SCHEMA.has(errno)) {
    return new DatabaseError('E_SCHEMA', `The schema at ${where} is not the one this afd knows: ${text}`, {
      ...detail,
      retry: 'final',
      suggestions: ['afd migrate up'],
    });
  }
  // A dead idle connection is reported by mysql2 as fatal without any code; network errors carry a negative errno.
  const network = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT|PROTOCOL_)/.test(error.code ?? '');
  const closed = /closed state|Connection lost|connection is in closed/i.test(text);
  if (
    (errno !== undefined && CONNECTION.has(errno)) ||
    network ||
    closed ||
    (error.fatal === true && errno === undefined)
  ) {
    return new DatabaseError('E_DATABASE', `The database at ${where} cannot be reached: ${text}`, {
      ...detail,
      retry: 'connection',
      suggestions: ['afd db status', 'afd status'],
    });
  }
  return new DatabaseError('E_FAILED', `The database refused a statement: ${text}`, {
    ...detail,
    retry: error.fatal === true ? 'connection' : 'final',
  });
}

/** True when the connection is gone, so that the outcome of what was sent last is unknown. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof DatabaseError && (error.retry === 'connection' || error.retry === 'slow');
}
