// How far the log of each attempt was written: asked when the answer to a write did not come. By idx_attempt. Zero rows:
// nothing of it.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LoggedAttempt } from './logged-attempt.ts';

/** `to_byte` of the last piece of each attempt that has one. @throws DatabaseError */
export async function writtenLog(
  session: Session,
  names: TableNames,
  attempts: LoggedAttempt[],
): Promise<Array<LoggedAttempt & { to_byte: number }>> {
  const rows = await session.rows<{ task_id: number; attempt: number; to_byte: number }>(
    `SELECT task_id, attempt, MAX(to_byte) AS to_byte FROM ${names.log}
     WHERE (task_id, attempt) IN (${attempts.map(() => '(?, ?)').join(', ')}) GROUP BY task_id, attempt`,
    attempts.flatMap((one) => [one.task_id, one.attempt]),
  );
  return rows.map((row) => ({ ...row, to_byte: Number(row.to_byte) }));
}
