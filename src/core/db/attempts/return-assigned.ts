import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { Page } from './orphaned-assignments.ts';

/**
 * Ids of directed tasks whose device cannot be waited for: offline, not active, removed, or target_until is past. A row
 * without a target is another program's: an adopted table may have had the word before.
 * Non-locking; status 'assigned' by afd_claim, the device by device_id. Zero rows = none.
 */
export async function strandedTasks(session: Session, names: TableNames, page: Page): Promise<number[]> {
  const rows = await session.rows<{ id: number }>(
    `SELECT t.id FROM ${names.task} t LEFT JOIN ${names.device} d ON d.device_id = t.target_device_id
     WHERE ${stateIs('assigned', 't')} AND t.target_device_id IS NOT NULL AND t.id > ? AND (${STRANDED}) ORDER BY t.id LIMIT ${page.limit}`,
    [page.after],
  );
  return rows.map((row) => row.id);
}

const STRANDED = `d.device_id IS NULL OR d.status = 'offline' OR d.operator_state <> 'active'
  OR t.target_until <= UTC_TIMESTAMP(3)`;

/**
 * Makes one directed task pending for all devices. Locks the task by PRIMARY (SKIP LOCKED: its device may be claiming
 * it), then reads the device again. False = not directed any more, its device is back, or locked by another process.
 * Inside a fenced transaction.
 */
export async function returnAssigned(session: Session, names: TableNames, taskId: number): Promise<boolean> {
  const [task] = await session.rows<{ target_device_id: string | null; past: 0 | 1 | null }>(
    `SELECT target_device_id, target_until <= UTC_TIMESTAMP(3) AS past FROM ${names.task} FORCE INDEX (PRIMARY)
     WHERE id = ? AND status = 'assigned' FOR UPDATE SKIP LOCKED`,
    [taskId],
  );
  if (task === undefined || task.target_device_id === null) return false;
  const [device] = await session.rows<{ status: string; operator_state: string }>(
    `SELECT status, operator_state FROM ${names.device} WHERE device_id = ?`,
    [task.target_device_id],
  );
  const waits = device !== undefined && device.status !== 'offline' && device.operator_state === 'active';
  if (waits && task.past !== 1) return false;
  const result = await session.write(
    `UPDATE ${names.task} SET status = 'pending', target_device_id = NULL, target_until = NULL, updated_at = NOW(3)
     WHERE id = ? AND status = 'assigned'`,
    [taskId],
  );
  return result.affectedRows === 1;
}
