// Deletes the middle of an attempt's log that exceeds its quota: pieces behind the beginning that end before the newest part.
// By idx_attempt; only the device that runs the attempt writes these rows. Zero rows: nothing exceeds it.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LoggedAttempt } from './write-log.ts';

/** Keeps what begins before `head` or ends after `tailFrom`, both in bytes of output. @throws DatabaseError */
export async function trimLog(
  session: Session,
  names: TableNames,
  { task_id, attempt }: LoggedAttempt,
  { head, tailFrom }: { head: number; tailFrom: number },
): Promise<number> {
  const { affectedRows } = await session.write(
    `DELETE FROM ${names.log}
     WHERE task_id = ? AND attempt = ? AND from_byte >= ? AND from_byte < ? AND to_byte <= ?`,
    [task_id, attempt, head, tailFrom, tailFrom],
  );
  return affectedRows;
}
