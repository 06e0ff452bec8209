// Invariant: what an attempt is given was stored by an earlier attempt of this very task: ids of an emptied table repeat,
// so the time at which the task was created is compared too. Index: PRIMARY of both tables. Non-locking. Zero rows: no
// attempt has stored anything.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** JSON text by task. @throws DatabaseError */
export async function readCheckpoints(
  session: Session,
  names: TableNames,
  taskIds: number[],
): Promise<Map<number, string>> {
  if (taskIds.length === 0) return new Map();
  const rows = await session.rows<{ task_id: number; value: string }>(
    `SELECT c.task_id, c.value FROM ${names.checkpoint} c FORCE INDEX (PRIMARY)
     STRAIGHT_JOIN ${names.task} t FORCE INDEX (PRIMARY) ON t.id = c.task_id
     WHERE c.task_id IN (?) AND c.task_created_at <=> t.created_at`,
    [taskIds],
  );
  return new Map(rows.map((row) => [row.task_id, row.value]));
}
