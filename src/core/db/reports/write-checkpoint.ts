// Invariant: a checkpoint is stored only while its attempt holds the task, whatever happens at the same time: the task row
// is locked in share mode until the row is written, so a rescue comes wholly before or wholly after. Index: PRIMARY of
// both tables, task first. A running task's row is no claim's, so no claim waits. Zero rows: the attempt is lost.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface CheckpointRow {
  task_id: number;
  claim_token: Buffer;
  /** JSON text. */
  value: string;
}

/** False = refused: the attempt no longer holds its task. @throws DatabaseError */
export async function writeCheckpoint(session: Session, names: TableNames, row: CheckpointRow): Promise<boolean> {
  const { affectedRows } = await session.write(
    `INSERT INTO ${names.checkpoint} (task_id, attempt, value, task_created_at, written_at)
     SELECT id, attempt, ?, created_at, UTC_TIMESTAMP(3) FROM ${names.task} FORCE INDEX (PRIMARY)
     WHERE id = ? AND claim_token = ? LOCK IN SHARE MODE
     ON DUPLICATE KEY UPDATE attempt = VALUES(attempt), value = VALUES(value),
       task_created_at = VALUES(task_created_at), written_at = VALUES(written_at)`,
    [row.value, row.task_id, row.claim_token],
  );
  return affectedRows > 0;
}
