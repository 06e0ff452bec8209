import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * Raises `attempt` of tasks above the attempts that exist under the same ids. Needed when the task table was emptied
 * and its ids repeat: the next claim, or the end of a deferred one, would violate UNIQUE(task_id, attempt). Reads
 * idx_task_id; zero rows = nothing to raise.
 */
export async function repairAttempts(session: Session, names: TableNames, taskIds: number[]): Promise<number> {
  if (taskIds.length === 0) return 0;
  const { affectedRows } = await session.write(
    `UPDATE ${names.task} t
     JOIN (SELECT task_id, MAX(attempt) AS highest FROM ${names.assignment} WHERE task_id IN (?) GROUP BY task_id) x
       ON x.task_id = t.id
     SET t.attempt = IF(t.claimed_by IS NULL, x.highest, x.highest + 1)
     WHERE t.attempt < x.highest OR (t.attempt = x.highest AND t.claimed_by IS NOT NULL)`,
    [taskIds],
  );
  return affectedRows;
}
