// Which attempt of a task a device means that names no claim token: its open one, else its last. Non-locking: the transaction that
// follows reads its rows again under locks. Index: idx_task_id. Zero rows: the device never held the task.
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceAttempt {
  device_id: string;
  task_id: number;
  task_type: string | null;
  attempt: number;
  assignment_id: number;
  claim_token: Buffer;
  status: string;
  /** Milliseconds since it began, or was claimed. */
  age_ms: number;
}

/** All attempts of these tasks that these devices had, the last first. @throws DatabaseError */
export async function attemptsOfDevices(
  session: Session,
  names: TableNames,
  deviceIds: string[],
  taskIds: number[],
): Promise<DeviceAttempt[]> {
  return session.rows<DeviceAttempt>(
    `SELECT a.device_id, a.task_id, t.task_type, a.attempt, a.id AS assignment_id, a.claim_token, a.status,
       TIMESTAMPDIFF(MICROSECOND, COALESCE(a.started_at, a.assigned_at), UTC_TIMESTAMP(3)) / 1000 AS age_ms
     FROM ${names.assignment} a FORCE INDEX (idx_task_id) LEFT JOIN ${names.task} t ON t.id = a.task_id
     WHERE a.task_id IN (?) AND a.device_id IN (?) AND a.attempt IS NOT NULL ORDER BY a.task_id, a.attempt DESC`,
    [taskIds, deviceIds],
  );
}

/** Who holds a task now, for the reason of a refusal. Undefined = there is no such task. @throws DatabaseError */
export async function taskNow(
  session: Session,
  names: TableNames,
  taskId: number,
): Promise<{ status: string; attempt: number } | undefined> {
  const [row] = await session.rows<{ status: string; attempt: number }>(
    `SELECT status, attempt FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id = ?`,
    [taskId],
  );
  return row;
}

/** Of these attempts, those that the device holds or held: by their rows, or by the inline claim. @throws DatabaseError */
export async function attemptsHeld(
  session: Session,
  names: TableNames,
  deviceId: string,
  attempts: Array<{ task_id: number; attempt: number }>,
): Promise<Set<string>> {
  if (attempts.length === 0) return new Set();
  const keys = attempts.map((one) => [one.task_id, one.attempt]);
  const rows = await session.rows<Row>(
    `SELECT task_id, attempt FROM ${names.assignment} FORCE INDEX (idx_task_id)
     WHERE (task_id, attempt) IN (?) AND device_id = ?
     UNION SELECT id, attempt FROM ${names.task} FORCE INDEX (PRIMARY)
     WHERE id IN (?) AND (id, attempt) IN (?) AND claimed_by = ?`,
    [keys, deviceId, attempts.map((one) => one.task_id), keys, deviceId],
  );
  return new Set(rows.map((row) => `${row.task_id} ${row.attempt}`));
}

/** Of these tasks, those that the device holds or held. @throws DatabaseError */
export async function tasksHeld(
  session: Session,
  names: TableNames,
  deviceId: string,
  taskIds: number[],
): Promise<number[]> {
  const rows = await session.rows<{ task_id: number }>(
    `SELECT task_id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id IN (?) AND device_id = ?
     UNION SELECT id FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) AND claimed_by = ?`,
    [taskIds, deviceId, taskIds, deviceId],
  );
  return rows.map((row) => row.task_id);
}
