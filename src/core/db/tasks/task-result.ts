// Reads without a lock, by idx_task_id: the result of the last completed attempt, or of one attempt. Zero rows: that one has
// not completed, or there is no such task.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface StoredResult {
  attempt: number;
  /** JSON text as stored. */
  result: string;
}

/** Undefined = there is none. @throws DatabaseError */
export async function taskResult(
  session: Session,
  names: TableNames,
  taskId: number,
  attempt?: number,
): Promise<StoredResult | undefined> {
  const [row] = await session.rows<StoredResult>(
    `SELECT attempt, result FROM ${names.assignment}
     WHERE task_id = ? AND attempt ${attempt === undefined ? 'IS NOT NULL' : '= ?'} AND status = 'completed' AND result IS NOT NULL
     ORDER BY attempt DESC LIMIT 1`,
    attempt === undefined ? [taskId] : [taskId, attempt],
  );
  return row;
}
