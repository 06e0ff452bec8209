// Rows in the database of ./database-here.ts: the factories of ./factories.ts, and what is read and changed of one row.
import type { Row, Session } from '../../src/core/db/session.ts';
import { db, names, session } from './database-here.ts';
import { insertDeferredClaim } from './deferred-claim.ts';
import * as rows from './factories.ts';

type Columns = Record<string, unknown>;

export const addTask = (columns?: Columns) => rows.insertTask(session, names, columns);
export const addDevice = (device_id: string, options?: rows.DeviceOptions) =>
  rows.insertDevice(session, names, { device_id, ...options });
export const addWorker = (device_id: string, columns?: Columns) =>
  rows.insertWorker(session, names, device_id, columns);
export const addAttempt = (options: rows.AttemptOptions) => rows.insertAttempt(session, names, options);
export const addRunning = (device_id: string, columns?: Columns) =>
  rows.insertRunning(session, names, device_id, columns);
export const addDeferred = (device: rows.DeviceRow, columns?: Columns) =>
  insertDeferredClaim(session, names, device, columns);

export const taskRow = async (id: number): Promise<Row> => (await rows.readRow(session, names.task, id))!;
export const attemptRow = async (id: number): Promise<Row> => (await rows.readRow(session, names.assignment, id))!;
export const attemptsOf = (task_id: number) =>
  session.rows(`SELECT * FROM ${names.assignment} WHERE task_id = ? ORDER BY attempt`, [task_id]);
export const deviceRow = async (device_id: string): Promise<Row | undefined> =>
  (await session.rows(`SELECT * FROM ${names.device} WHERE device_id = ?`, [device_id]))[0];

export const setTask = (id: number, columns: Columns) =>
  session.write(`UPDATE ${names.task} SET ? WHERE id = ?`, [columns, id]);
export const setAttempt = (id: number, columns: Columns) =>
  session.write(`UPDATE ${names.assignment} SET ? WHERE id = ?`, [columns, id]);

/** Another session with a transaction that holds this row until it is rolled back. */
export async function holding(table: string, id: number): Promise<Session> {
  const other = await db.session();
  await other.write('START TRANSACTION');
  await other.rows(`SELECT id FROM ${table} WHERE id = ? FOR UPDATE`, [id]);
  return other;
}
