// A read that the server breaks off by itself when it lasts too long. The connection lives on, so its sender can tell a read
// that has become too slow from a database that does not answer.
import { DatabaseError } from '../database-error.ts';

/** 1969 MariaDB, 3024 MySQL. */
const OVER_LIMIT = [1969, 3024];

/** `sql`, which begins with SELECT or with a SELECT in brackets, limited to this many milliseconds on either server. */
export function limited(sql: string, ms: number): string {
  const hinted = sql.replace('SELECT', `SELECT /*+ MAX_EXECUTION_TIME(${Math.ceil(ms)}) */`);
  return `/*M!100600 SET STATEMENT max_statement_time = ${ms / 1000} FOR */ ${hinted}`;
}

/** The server's own limit ended the statement; nothing is known of what it asked. */
export function isOverLimit(error: unknown): boolean {
  return error instanceof DatabaseError && error.errno !== undefined && OVER_LIMIT.includes(error.errno);
}
