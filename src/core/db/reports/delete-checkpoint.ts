// Invariant: the checkpoint of a task that is done goes; one that a later attempt has stored stays. Index: PRIMARY. Zero
// rows: there is none, or another one deleted it; nothing depends on it, because a task that is done and runs again begins
// anew (retryTask).
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** The checkpoint of a task, if this attempt or an earlier one stored it. @throws DatabaseError */
export async function deleteCheckpoint(
  session: Session,
  names: TableNames,
  done: { task_id: number; attempt: number },
): Promise<number> {
  const { affectedRows } = await session.write(`DELETE FROM ${names.checkpoint} WHERE task_id = ? AND attempt <= ?`, [
    done.task_id,
    done.attempt,
  ]);
  return affectedRows;
}
