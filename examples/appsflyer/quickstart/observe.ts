// What the tables say: for the live lines, and for the verdict at the end.
import type { RowDataPacket } from 'mysql2/promise';
import type { DemoDatabase } from './database.ts';

export interface DeviceView {
  device_id: string;
  status: string;
  slots: number;
  /** Attempts that are open now. */
  held: number;
  completed: number;
  lost: number;
}

export interface Snapshot {
  /** Number of tasks by status. */
  tasks: Record<string, number>;
  devices: DeviceView[];
  leader: { device_id: string; term: number } | null;
}

export async function snapshot({ connection, tables }: DemoDatabase): Promise<Snapshot> {
  const { task, device, assignment, leader } = tables;
  const [counts] = await connection.query<RowDataPacket[]>(`SELECT status, COUNT(*) AS n FROM ${task} GROUP BY status`);
  const [devices] = await connection.query<RowDataPacket[]>(
    `SELECT d.device_id, d.status, d.max_concurrent_tasks AS slots,
            SUM(a.status IN ('assigned', 'running')) AS held, SUM(a.status = 'completed') AS completed,
            SUM(a.status = 'lost') AS lost
       FROM ${device} d LEFT JOIN ${assignment} a ON a.device_id = d.device_id
      GROUP BY d.device_id, d.status, d.max_concurrent_tasks ORDER BY d.device_id`,
  );
  const [[lease]] = await connection.query<RowDataPacket[]>(
    `SELECT holder, term FROM ${leader} WHERE holder IS NOT NULL AND expires_at > UTC_TIMESTAMP(3)`,
  );
  return {
    tasks: Object.fromEntries(counts.map(({ status, n }) => [status, Number(n)])),
    devices: devices.map(({ device_id, status, slots, held, completed, lost }) => ({
      ...{ device_id, status, slots },
      ...{ held: Number(held), completed: Number(completed), lost: Number(lost) },
    })),
    leader: lease === undefined ? null : { device_id: lease.holder, term: Number(lease.term) },
  };
}

/** The database's clock, `YYYY-MM-DD HH:MM:SS.mmm` UTC. */
export async function databaseTime({ connection }: DemoDatabase): Promise<string> {
  const [[row]] = await connection.query<RowDataPacket[]>('SELECT CAST(UTC_TIMESTAMP(3) AS CHAR) AS now');
  return row?.now;
}

export interface Rescue {
  /** Attempts of the killed device that were taken back. */
  lost: number;
  causes: string[];
  task_ids: number[];
  /** Seconds from the kill until the last of them was taken back, and until the last ran elsewhere. */
  taken_back_s: number | null;
  restarted_s: number | null;
}

/** What became of the attempts that the killed device held, by the database's clock. */
export async function rescueOf(database: DemoDatabase, device_id: string, killedAt: string): Promise<Rescue> {
  const { connection, tables } = database;
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT l.task_id, l.cause, TIMESTAMPDIFF(MICROSECOND, ?, l.completed_at) / 1e6 AS taken_back,
            TIMESTAMPDIFF(MICROSECOND, ?, n.assigned_at) / 1e6 AS restarted
       FROM ${tables.assignment} l
       LEFT JOIN ${tables.assignment} n ON n.task_id = l.task_id AND n.attempt = l.attempt + 1
      WHERE l.device_id = ? AND l.status = 'lost' ORDER BY l.task_id`,
    [killedAt, killedAt, device_id],
  );
  const last = (name: string) => (rows.length === 0 ? null : Math.max(...rows.map((row) => Number(row[name] ?? 0))));
  return {
    lost: rows.length,
    task_ids: rows.map(({ task_id }) => Number(task_id)),
    causes: [...new Set(rows.map(({ cause }) => String(cause ?? '')))],
    taken_back_s: last('taken_back'),
    restarted_s: last('restarted'),
  };
}

export interface Attempts {
  /** Number of attempts by status. */
  by_status: Record<string, number>;
  /** Tasks that are not completed exactly once. */
  not_once: number[];
  /** Attempts that are still open. */
  open: number;
  /** Lost attempts of a device that nobody killed, or without a cause. */
  unexplained: number;
  /** From the first claim to the last finish, by the database's clock. */
  seconds: number;
}

export async function attempts({ connection, tables }: DemoDatabase, killed: string): Promise<Attempts> {
  const { task, assignment } = tables;
  const [counts] = await connection.query<RowDataPacket[]>(
    `SELECT status, COUNT(*) AS n FROM ${assignment} GROUP BY status`,
  );
  const by_status: Record<string, number> = Object.fromEntries(counts.map(({ status, n }) => [status, Number(n)]));
  const [notOnce] = await connection.query<RowDataPacket[]>(
    `SELECT t.id FROM ${task} t LEFT JOIN ${assignment} a ON a.task_id = t.id AND a.status = 'completed'
      GROUP BY t.id HAVING COUNT(a.id) <> 1 ORDER BY t.id`,
  );
  const [[span]] = await connection.query<RowDataPacket[]>(
    `SELECT TIMESTAMPDIFF(MICROSECOND, MIN(assigned_at), MAX(completed_at)) / 1e6 AS seconds FROM ${assignment}`,
  );
  const [[unexplained]] = await connection.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS n FROM ${assignment} WHERE status = 'lost' AND (device_id <> ? OR COALESCE(cause, '') = '')`,
    [killed],
  );
  return {
    by_status,
    not_once: notOnce.map(({ id }) => Number(id)),
    open: (by_status.assigned ?? 0) + (by_status.running ?? 0),
    unexplained: Number(unexplained?.n),
    seconds: Number(span?.seconds),
  };
}

/** What failed for good, with its last error: the first few. */
export async function failures({ connection, tables }: DemoDatabase): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT id, task_type, last_error FROM ${tables.task} WHERE status IN ('failed', 'cancelled') ORDER BY id LIMIT 3`,
  );
  return rows.map(({ id, task_type, last_error }) => `task ${id} (${task_type}): ${last_error}`);
}
