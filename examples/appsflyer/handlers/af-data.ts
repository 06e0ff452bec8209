// The table af_data. Writing the same days twice leaves what writing them once leaves, and a reader sees the days as
// they were or as they are, never half of them.
import mysql, { type Connection, type ConnectionOptions, type RowDataPacket } from 'mysql2/promise';
import { type DataRow, FIGURE_COLUMNS } from './report.ts';

export interface Days {
  account: string;
  app_id: string;
  report: string;
  from: string;
  to: string;
}

/** Who writes, for the row. */
export interface Writer {
  task_id: number;
  attempt: number;
}

const KEY = ['date', 'country', 'agency', 'media_source', 'campaign'] as const;
const FIGURES = Object.values(FIGURE_COLUMNS);
const COLUMNS = ['account', 'app_id', 'report', ...KEY, ...FIGURES, 'extra', 'task_id', 'attempt'];
const ROWS_PER_INSERT = 200;

/** Options for mysql2 of `mysql://user:password@host:port/schema`, with `?socket=` for a Unix socket. */
export function connectionOptions(url: string): ConnectionOptions {
  const parsed = new URL(url);
  const socket = parsed.searchParams.get('socket');
  return {
    ...(socket === null ? { host: parsed.hostname, port: Number(parsed.port || 3306) } : { socketPath: socket }),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: decodeURIComponent(parsed.pathname.slice(1)),
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    connectTimeout: 5000,
  };
}

/** A connection of its own for `work`; an abort ends it at once, and the server rolls back what was open. */
export async function withConnection<T>(
  url: string,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const connection = await mysql.createConnection(connectionOptions(url));
  // Without a listener a lost connection would end the process.
  (connection as unknown as NodeJS.EventEmitter).on('error', () => {});
  const abort = () => connection.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    // READ COMMITTED: the default level would lock the gaps between days, and apps side by side would deadlock.
    await connection.query("SET SESSION sql_mode = 'STRICT_ALL_TABLES'");
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    const result = await work(connection);
    await connection.end();
    return result;
  } catch (error) {
    connection.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Makes the days' rows exactly `rows`: upserts them, deletes the others, in one transaction. */
export async function replaceDays(
  connection: Connection,
  table: string,
  days: Days,
  rows: DataRow[],
  writer: Writer,
): Promise<{ written: number; deleted: number }> {
  const { account, app_id, report, from, to } = days;
  // One order for everybody who writes these rows.
  const sorted = rows.map((row) => ({ row, key: keyOf(row) })).sort((a, b) => (a.key < b.key ? -1 : 1));
  const update = COLUMNS.slice(3 + KEY.length).map((column) => `${column} = VALUES(${column})`);
  await connection.beginTransaction();
  for (let start = 0; start < sorted.length; start += ROWS_PER_INSERT) {
    const chunk = sorted.slice(start, start + ROWS_PER_INSERT);
    const values = chunk.flatMap(({ row }) => [
      ...[account, app_id, report],
      ...KEY.map((name) => row[name]),
      ...FIGURES.map((name) => row.figures[name] ?? null),
      ...[JSON.stringify(row.extra), writer.task_id, writer.attempt],
    ]);
    const place = `(${COLUMNS.map(() => '?').join(', ')}, UTC_TIMESTAMP(3))`;
    await connection.query(
      `INSERT INTO ${table} (${COLUMNS.join(', ')}, synced_at) VALUES ${chunk.map(() => place).join(', ')}
       ON DUPLICATE KEY UPDATE ${update.join(', ')}, synced_at = VALUES(synced_at)`,
      values,
    );
  }
  const wanted = new Set(sorted.map(({ key }) => key));
  const [stored] = await connection.query<RowDataPacket[]>(
    `SELECT ${KEY.join(', ')} FROM ${table} WHERE account = ? AND app_id = ? AND report = ? AND date BETWEEN ? AND ?`,
    [account, app_id, report, from, to],
  );
  const stale = stored.map((row) => row as unknown as DataRow).filter((row) => !wanted.has(keyOf(row)));
  for (const row of stale) {
    await connection.query(
      `DELETE FROM ${table} WHERE account = ? AND app_id = ? AND report = ?
        AND date = ? AND country = ? AND agency = ? AND media_source = ? AND campaign = ?`,
      [account, app_id, report, ...KEY.map((name) => row[name])],
    );
  }
  await connection.commit();
  return { written: sorted.length, deleted: stale.length };
}

function keyOf(row: DataRow): string {
  return JSON.stringify(KEY.map((name) => row[name]));
}
