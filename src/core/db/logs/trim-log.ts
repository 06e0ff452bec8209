// Deletes the middle of an attempt's log that exceeds its quota: pieces behind the beginning that end before the newest part.
// By idx_attempt; only the device that runs the attempt writes these rows. Zero rows: nothing exceeds it.
import type { TableNames } from '../table-names.ts';
import type { LoggedAttempt } from './logged-attempt.ts';

/** What stays: pieces that begin before `head` or end after `tailFrom`, both in bytes of output. */
export interface LogTrim extends LoggedAttempt {
  head: number;
  tailFrom: number;
}

export function trimStatement(
  names: TableNames,
  { task_id, attempt, head, tailFrom }: LogTrim,
): { sql: string; values: unknown[] } {
  return {
    sql: `DELETE FROM ${names.log}
     WHERE task_id = ? AND attempt = ? AND from_byte >= ? AND from_byte < ? AND to_byte <= ?`,
    values: [task_id, attempt, head, tailFrom, tailFrom],
  };
}
