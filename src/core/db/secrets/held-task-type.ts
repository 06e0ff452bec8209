// Invariant: a secret is given only for a task that this device holds under this token, and by the type that the table says.
// Index: PRIMARY, idx_task_id. Non-locking. Zero rows (undefined): the device does not hold it.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** @throws DatabaseError */
export async function heldTaskType(
  session: Session,
  names: TableNames,
  deviceId: string,
  { task_id, claim_token }: { task_id: number; claim_token: Buffer },
): Promise<string | undefined> {
  const [row] = await session.rows<{ task_type: string }>(
    `SELECT t.task_type FROM ${names.task} t FORCE INDEX (PRIMARY)
     WHERE t.id = ? AND t.claim_token = ? AND (t.claimed_by = ? OR EXISTS (
       SELECT 1 FROM ${names.assignment} a FORCE INDEX (idx_task_id)
       WHERE a.task_id = t.id AND a.claim_token = ? AND a.device_id = ? AND a.completed_at IS NULL))`,
    [task_id, claim_token, deviceId, claim_token, deviceId],
  );
  return row?.task_type;
}
