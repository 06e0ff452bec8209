// Task tables as they are in the field, in a schema of their own: what an adoption meets.
import { randomBytes } from 'node:crypto';
import { migrateUp, type UpOptions } from '../../../src/core/db/migrate/migrator.ts';
import type { Ask } from '../../../src/core/db/server-facts.ts';
import { type DatabaseAddress, Session, type SessionOptions } from '../../../src/core/db/session.ts';
import { type TableNames, tableNames } from '../../../src/core/db/table-names.ts';
import { schemaName, serverAddress, type TestDatabase } from '../../helpers/database.ts';

/** T1 exactly, with the name it had. */
export const T1 = `CREATE TABLE af_crawl_tasks (
  id INT AUTO_INCREMENT PRIMARY KEY,
  task_type VARCHAR(32) NOT NULL,
  username VARCHAR(255) NOT NULL,
  app_id VARCHAR(128) NULL,
  start_date DATE NULL,
  end_date DATE NULL,
  retry INT DEFAULT 0,
  status ENUM('pending','running','failed','done') DEFAULT 'pending',
  next_run_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY idx_status_next(status, next_run_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`;

export const T1_COLUMNS =
  'id task_type username app_id start_date end_date retry status next_run_at created_at updated_at'.split(' ');

/** Rows in every status, with the odd values that real tables hold. Times are an hour old, in UTC. */
export const T1_ROWS = `INSERT INTO af_crawl_tasks
  (task_type, username, app_id, start_date, end_date, retry, status, next_run_at, created_at, updated_at) VALUES
  ('app_data', 'anna', 'com.app', '2025-01-01', '2025-01-01', 0, 'pending', UTC_TIMESTAMP() - INTERVAL 1 HOUR, UTC_TIMESTAMP() - INTERVAL 2 HOUR, UTC_TIMESTAMP() - INTERVAL 1 HOUR),
  ('app_data', '王小明', NULL, NULL, NULL, 1, 'pending', UTC_TIMESTAMP() + INTERVAL 1 HOUR, UTC_TIMESTAMP() - INTERVAL 2 HOUR, UTC_TIMESTAMP() - INTERVAL 1 HOUR),
  ('user_apps', 'bob', '', '2025-01-01', NULL, NULL, 'pending', NULL, NULL, NULL),
  ('user_apps', 'bob', NULL, NULL, NULL, 3, 'pending', UTC_TIMESTAMP() - INTERVAL 1 HOUR, UTC_TIMESTAMP() - INTERVAL 90 DAY, UTC_TIMESTAMP() - INTERVAL 90 DAY),
  ('app_data', 'carol', 'com.b', '2025-01-02', '2025-01-02', 2, 'running', UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR),
  ('app_data', 'dave', 'com.c', '2025-01-02', '2025-01-02', 3, 'failed', UTC_TIMESTAMP() + INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR),
  ('app_data', 'erin', 'com.d', '2025-01-02', '2025-01-02', 0, 'done', UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR),
  ('app_data', 'frank', NULL, NULL, NULL, 0, NULL, UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR, UTC_TIMESTAMP() - INTERVAL 3 HOUR)`;

export interface OldDatabase extends TestDatabase {
  admin: Session;
  ask: Ask;
  /** Migrates as `afd migrate` does once the zone is confirmed. */
  migrate(options?: UpOptions): Promise<string[]>;
  /** A digest of every stored value of these columns, in the order of the ids. */
  digest(columns?: string[], where?: string): Promise<string>;
  drop(): Promise<void>;
}

/** A schema with this table and nothing else. */
export async function oldDatabase(
  create: string[],
  options: { task?: string; zone?: string; server?: DatabaseAddress } = {},
): Promise<OldDatabase> {
  const server = options.server ?? serverAddress();
  const database = schemaName(`old_${process.pid}_${randomBytes(3).toString('hex')}`);
  const names: TableNames = tableNames({ task: options.task ?? 'af_crawl_tasks', prefix: 'af_' });
  const zone = options.zone ?? '+00:00';
  const open: Session[] = [];
  const connect = async (address: SessionOptions['address'], wanted: Partial<SessionOptions> = {}) => {
    const one = new Session({
      address,
      timeZone: zone,
      idleTimeoutS: 3600,
      deadlineMs: 60_000,
      multiStatements: false,
      ...wanted,
    });
    open.push(one);
    await one.ready();
    return one;
  };
  const first = await connect(server);
  await first.write(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
  const address = { ...server, database };
  const admin = await connect(address, { timeZone: '+00:00' });
  // As old programs wrote it: a word that the ENUM lacks became ''.
  await admin.write("SET SESSION sql_mode = '', default_storage_engine = InnoDB");
  for (const sql of create) await admin.write(sql);
  const auth = server.password === undefined ? server.user : `${server.user}:${encodeURIComponent(server.password)}`;
  const at = server.socketPath === undefined ? `${server.host}:${server.port}` : 'localhost';
  const ask: Ask = (sql, values) => admin.rows(sql, values);
  return {
    address,
    names,
    url: `mysql://${auth}@${at}/${database}${server.socketPath === undefined ? '' : `?socket=${encodeURIComponent(server.socketPath)}`}`,
    session: (wanted = {}) => connect(address, { multiStatements: true, deadlineMs: 10_000, ...wanted }),
    admin,
    ask,
    migrate: async (wanted = {}) => (await migrateUp(address, names, { zone, ...wanted })).statements,
    async digest(columns = T1_COLUMNS, where = '1 = 1') {
      const rows = await admin.rows(
        `SELECT COUNT(*) AS n, BIT_XOR(CAST(CONV(LEFT(SHA2(CONCAT_WS('|', ${columns
          .map((name) => `COALESCE(HEX(${name}), 'NULL')`)
          .join(', ')}), 256), 16), 16, 10) AS UNSIGNED)) AS sum FROM ${names.task} WHERE ${where}`,
      );
      return JSON.stringify(rows);
    },
    async close() {
      await Promise.all(open.map((one) => one.close()));
    },
    async drop() {
      await first.write(`DROP DATABASE \`${database}\``);
      await Promise.all(open.map((one) => one.close()));
    },
  };
}
