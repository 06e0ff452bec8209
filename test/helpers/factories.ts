// Rows for tests. Each takes only what the test is about; the rest is a healthy, ordinary row. Ages are in seconds before
// the database's now, so that no test knows a clock.
import { createHash, randomBytes } from 'node:crypto';
import type { Row, Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';

type Columns = Record<string, unknown>;

export interface DeviceRow {
  device_id: string;
  instance_token: Buffer;
  lock_name: string;
}

export interface DeviceOptions {
  device_id?: string;
  /** Seconds since its last heartbeat. */
  silent_s?: number;
  /** Says that its lock was taken on this server, this many seconds ago. Nobody holds it unless the test does. */
  lock_taken_s?: number;
  columns?: Columns;
}

export async function insertDevice(
  session: Session,
  names: TableNames,
  options: DeviceOptions = {},
): Promise<DeviceRow> {
  const device_id = options.device_id ?? `device-${randomBytes(4).toString('hex')}`;
  const instance_token = (options.columns?.instance_token as Buffer | undefined) ?? randomBytes(16);
  const scope = `${session.options.address.database}|${names.prefix}|${device_id.toLowerCase()}`;
  const lock_name = `afd:${createHash('sha256').update(scope).digest('hex').slice(0, 40)}`;
  const { silent_s: last_heartbeat = 0, lock_taken_s: lock_taken_at } = options;
  const locked = lock_taken_at === undefined ? {} : { lock_server: session.facts.serverName };
  const columns = {
    ...{ device_id, device_name: device_id, device_type: 'worker', ip_address: '127.0.0.1', port: 0 },
    ...{ status: 'online', instance_token, lock_name, ...locked, ...options.columns },
  };
  await insert(session, names.device, columns, { last_heartbeat, lock_taken_at });
  return { device_id, instance_token, lock_name };
}

/** A pending task that is due; `columns` overrides anything. */
export async function insertTask(session: Session, names: TableNames, columns: Columns = {}): Promise<number> {
  return insert(session, names.task, { task_type: 'sync_data', ...columns });
}

/** An online device that handles sync_data; `columns` overrides anything. */
export function insertWorker(session: Session, names: TableNames, device_id: string, columns: Columns = {}) {
  const capabilities = JSON.stringify({ supported_tasks: ['sync_data'] });
  return insertDevice(session, names, { device_id, columns: { capabilities, ...columns } });
}

export interface AttemptRow {
  assignment_id: number;
  task_id: number;
  claim_token: Buffer;
}

export interface AttemptOptions {
  device: DeviceRow;
  /** Columns of the task; an existing one by `task_id`. */
  task?: Columns;
  task_id?: number;
  /** False: the task does not carry the attempt's token, because another attempt has it or it has ended. */
  current?: boolean;
  /** Seconds since the deadline; negative = still to come. */
  overdue_s?: number;
  /** Seconds since it was revoked. */
  revoked_s?: number;
  columns?: Columns;
}

/** A task that a device is running, with its open attempt. */
export async function insertAttempt(session: Session, names: TableNames, options: AttemptOptions): Promise<AttemptRow> {
  const { overdue_s: deadline_at = -1800, revoked_s: revoked_at } = options;
  const { device_id, instance_token } = options.device;
  const claim_token = randomBytes(16);
  const running = { status: 'running', attempt: 1 };
  const held = { ...running, claim_token: options.current === false ? randomBytes(16) : claim_token };
  const task_id = options.task_id ?? (await insertTask(session, names, { ...held, ...options.task }));
  const columns = { task_id, device_id, ...running, claim_token, instance_token, ...options.columns };
  const ages = { assigned_at: 1, started_at: 1, deadline_at, revoked_at };
  const assignment_id = await insert(session, names.assignment, columns, ages);
  return { assignment_id, task_id, claim_token };
}

/** A task that a device is running, and its open attempt; `columns` are those of the task. The device needs no row. */
export async function insertRunning(
  session: Session,
  names: TableNames,
  device_id: string,
  columns: Columns = {},
): Promise<AttemptRow> {
  const attempt = Number(columns.attempt ?? 1);
  const device = { device_id, instance_token: randomBytes(16), lock_name: '' };
  return insertAttempt(session, names, { device, task: { ...columns, attempt }, columns: { attempt } });
}

/** One row by id; undefined when there is none. */
export async function readRow(session: Session, table: string, id: number): Promise<Row | undefined> {
  return (await session.rows(`SELECT * FROM ${table} WHERE id = ?`, [id]))[0];
}

export async function readTask(session: Session, names: TableNames, id: number): Promise<Columns | undefined> {
  const [row] = await session.rows<Columns>(
    `SELECT *, TIMESTAMPDIFF(MICROSECOND, NOW(3), next_run_at) / 1000000 AS due_in_s FROM ${names.task} WHERE id = ?`,
    [id],
  );
  return row;
}

export async function readAttempt(session: Session, names: TableNames, id: number): Promise<Columns | undefined> {
  return readRow(session, names.assignment, id);
}

export async function readDevice(session: Session, names: TableNames, id: string): Promise<Columns | undefined> {
  const [row] = await session.rows<Columns>(`SELECT * FROM ${names.device} WHERE device_id = ?`, [id]);
  return row;
}

/** Makes this device the leader of a term, with a lease that lasts; for tests of what a leader does. */
export async function insertLeader(session: Session, names: TableNames, holder: string, term: number): Promise<void> {
  await session.write(
    `UPDATE ${names.leader} SET holder = ?, holder_token = NULL, term = ?, acquired_at = UTC_TIMESTAMP(3),
       renewed_at = UTC_TIMESTAMP(3), expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR WHERE name = 'leader'`,
    [holder, term],
  );
}

/** `ages`: columns that lie this many seconds before now, in UTC. */
async function insert(
  session: Session,
  table: string,
  columns: Columns,
  ages: Record<string, number | undefined> = {},
) {
  const set = Object.entries(columns).map(([name, value]) => [name, '?', value] as const);
  const aged = Object.entries(ages).flatMap(([name, age]) =>
    age === undefined || name in columns
      ? []
      : [[name, 'UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND', Math.round(age * 1e6)] as const],
  );
  const all = [...set, ...aged];
  const list = (which: 0 | 1) => all.map((one) => one[which]).join(', ');
  const values = all.map((one) => one[2]);
  return (await session.write(`INSERT INTO ${table} (${list(0)}) VALUES (${list(1)})`, values)).insertId;
}
