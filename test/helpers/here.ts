// The database of the test that runs, for a file whose tests and helpers share it: `useDatabase()` at its head, and then the names
// below mean those of the test. `given` of ./fixture.ts is the same for one test alone.
import type { Row, Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import type { TestDatabase } from './database.ts';
import { insertDeferredClaim } from './deferred-claim.ts';
import {
  type AttemptOptions,
  type DeviceOptions,
  type DeviceRow,
  insertAttempt,
  insertDevice,
  insertRunning,
  insertTask,
  insertWorker,
  readDevice,
  readRow,
} from './factories.ts';
import { it } from './fixture.ts';

type Columns = Record<string, unknown>;

export { it } from './fixture.ts';
export let db: TestDatabase;
export let names: TableNames;
export let session: Session;

/** Before each test of the file. */
export function useDatabase(): void {
  it.beforeEach(({ given }) => {
    ({ db, session } = given);
    names = db.names;
  });
}

// The factories of ./factories.ts in this database.
export const addTask = (columns?: Columns) => insertTask(session, names, columns);
export const addDevice = (device_id: string, options?: DeviceOptions) =>
  insertDevice(session, names, { device_id, ...options });
export const addWorker = (device_id: string, columns?: Columns) => insertWorker(session, names, device_id, columns);
export const addAttempt = (options: AttemptOptions) => insertAttempt(session, names, options);
export const addRunning = (device_id: string, columns?: Columns) => insertRunning(session, names, device_id, columns);
export const addDeferred = (device: DeviceRow, columns?: Columns) =>
  insertDeferredClaim(session, names, device, columns);

export const taskRow = async (id: number): Promise<Row> => (await readRow(session, names.task, id))!;
export const attemptRow = async (id: number): Promise<Row> => (await readRow(session, names.assignment, id))!;
export const deviceRow = (device_id: string) => readDevice(session, names, device_id);
export const attemptsOf = (task_id: number) =>
  session.rows(`SELECT * FROM ${names.assignment} WHERE task_id = ? ORDER BY attempt`, [task_id]);

/** Changes one row. */
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
