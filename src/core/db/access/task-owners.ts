// Invariant: a task that a submitter added has its row in the same transaction, so that it is never somebody's without being seen by them,
// and a row counts only for the task that it was written for. Index: PRIMARY, of both tables. Zero rows: the task is somebody else's, or
// there is none.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Inside the transaction that has added the tasks. A row of an earlier task with the same id, which is gone, becomes that of the new one. @throws DatabaseError */
export async function insertOwner(
  session: Session,
  names: TableNames,
  owner: string,
  taskIds: readonly number[],
): Promise<void> {
  if (taskIds.length === 0) return;
  await session.write(
    `INSERT INTO ${names.taskOwner} (owner, task_id, task_created_at)
     SELECT ?, t.id, t.created_at FROM ${names.task} t WHERE t.id IN (?)
     ON DUPLICATE KEY UPDATE task_created_at = VALUES(task_created_at)`,
    [owner, taskIds],
  );
}

/** @throws DatabaseError */
export async function ownsTask(session: Session, names: TableNames, owner: string, taskId: number): Promise<boolean> {
  const { sql, values } = ownsTaskStatement(names, owner, taskId);
  return (await session.rows(sql, values)).length > 0;
}

export function ownsTaskStatement(names: TableNames, owner: string, taskId: number) {
  return {
    sql: `SELECT 1 FROM ${ownTasks(names)} WHERE o.owner = ? AND o.task_id = ?`,
    values: [owner, taskId],
  };
}

/** @throws DatabaseError */
export async function ownsBatch(session: Session, names: TableNames, owner: string, batchId: number): Promise<boolean> {
  const rows = await session.rows(`SELECT 1 FROM ${names.batch} WHERE id = ? AND owner = ?`, [batchId, owner]);
  return rows.length > 0;
}

/** The rows `o` of owners with their tasks `t`, in the order of the owners. */
export function ownTasks(names: TableNames): string {
  return `${names.taskOwner} o FORCE INDEX (PRIMARY) STRAIGHT_JOIN ${names.task} t FORCE INDEX (PRIMARY) ON ${SAME}`;
}

/** Ids of an emptied table repeat. */
export const SAME = 't.id = o.task_id AND t.created_at <=> o.task_created_at';
