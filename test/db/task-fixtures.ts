import { randomBytes } from 'node:crypto';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';

/** A registered device; `columns` overwrite what makes it an active worker of sync_apps. */
export async function addDevice(
  session: Session,
  names: TableNames,
  device_id: string,
  columns: Record<string, unknown> = {},
): Promise<void> {
  const row = {
    device_id,
    device_name: device_id,
    device_type: 'worker',
    ip_address: '127.0.0.1',
    port: 0,
    status: 'online',
    capabilities: JSON.stringify({ supported_tasks: ['sync_apps'] }),
    ...columns,
  };
  await session.write(`INSERT INTO ${names.device} (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
}

/** A task as it stands in the table; returns its id. */
export async function addTask(
  session: Session,
  names: TableNames,
  columns: Record<string, unknown> = {},
): Promise<number> {
  const row = { task_type: 'sync_apps', ...columns };
  const { insertId } = await session.write(`INSERT INTO ${names.task} (${Object.keys(row).join(', ')}) VALUES (?)`, [
    Object.values(row),
  ]);
  return insertId;
}

/** A running task and the attempt that holds it. */
export async function addRunning(
  session: Session,
  names: TableNames,
  device_id: string,
  columns: Record<string, unknown> = {},
): Promise<{ task_id: number; assignment_id: number; claim_token: Buffer }> {
  const claim_token = randomBytes(16);
  const attempt = Number(columns.attempt ?? 1);
  const task_id = await addTask(session, names, { status: 'running', claim_token, ...columns, attempt });
  const { insertId } = await session.write(
    `INSERT INTO ${names.assignment} (task_id, device_id, attempt, claim_token, status, deadline_at)
     VALUES (?, ?, ?, ?, 'running', UTC_TIMESTAMP(3) + INTERVAL 1 HOUR)`,
    [task_id, device_id, attempt, claim_token],
  );
  return { task_id, assignment_id: insertId, claim_token };
}

/** One row by id; undefined when there is none. */
export async function rowOf(session: Session, table: string, id: number) {
  return (await session.rows(`SELECT * FROM ${table} WHERE id = ?`, [id]))[0];
}
