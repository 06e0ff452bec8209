// Where the demonstration keeps its rows: a schema of its own, made anew by each run; or, where the account may not
// create one, tables of its own (afdqs_…) in the schema that it was given. Nothing else is ever touched.
import { readFileSync } from 'node:fs';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { connectionOptions } from '../handlers/af-data.ts';
import { afd, QuickstartError } from './afd.ts';

const SCHEMA = 'afd_quickstart';
const FOREIGN_PREFIX = 'afdqs_';
const REFUSED = new Set(['ER_DBACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_ERROR', 'ER_SPECIFIC_ACCESS_DENIED_ERROR']);

export interface DemoDatabase {
  /** With the password: never shown. */
  url: string;
  /** `MariaDB 10.11.6, schema afd_quickstart`. */
  label: string;
  /** True when the server is the one of `afd db start`. */
  embedded: boolean;
  tables: { task: string; assignment: string; device: string; leader: string; data: string; prefix: string };
  connection: Connection;
}

/** Finds or starts a server and leaves the demonstration's place in it empty. */
export async function openDatabase(signal: AbortSignal, given = process.env.AFD_DATABASE_URL): Promise<DemoDatabase> {
  const embedded = given === undefined || given === '';
  if (embedded) await afd(['db', 'start'], signal);
  const server = embedded ? ((await afd(['db', 'url'], signal)) as { url: string }).url : given;
  const connection = await connect(server).catch((error: Error) => {
    throw new QuickstartError(`The database server cannot be used: ${error.message}`, 69);
  });
  try {
    await lock(connection);
    const own = await createSchema(connection);
    const prefix = own ? 'af_' : FOREIGN_PREFIX;
    if (own) await connection.query(`USE \`${SCHEMA}\``);
    else await dropTables(connection, prefix);
    const [[row]] = await connection.query<RowDataPacket[]>('SELECT VERSION() AS version, DATABASE() AS name');
    const version = String(row?.version);
    return {
      url: own ? withSchema(server, SCHEMA) : server,
      label: `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${version.split('-')[0]}, schema ${row?.name}${own ? '' : `, tables ${prefix}…`}`,
      embedded,
      tables: {
        prefix,
        task: `${prefix}crawl_task`,
        assignment: `${prefix}task_assignment`,
        device: `${prefix}device`,
        leader: `${prefix}leader`,
        data: `${prefix}data`,
      },
      connection,
    };
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

/** af_data of the example, under the demonstration's name for it. */
export async function createDataTable({ connection, tables }: DemoDatabase): Promise<void> {
  const ddl = readFileSync(new URL('../schema.sql', import.meta.url), 'utf8');
  await connection.query(ddl.replace('CREATE TABLE IF NOT EXISTS af_data', `CREATE TABLE ${tables.data}`));
}

function withSchema(url: string, schema: string): string {
  const changed = new URL(url);
  changed.pathname = `/${schema}`;
  return changed.href;
}

async function connect(url: string): Promise<Connection> {
  const connection = await mysql.createConnection({ ...connectionOptions(url), jsonStrings: true });
  (connection as unknown as NodeJS.EventEmitter).on('error', () => {});
  return connection;
}

/** Two demonstrations in one schema would empty each other's tables. */
async function lock(connection: Connection): Promise<void> {
  const [[row]] = await connection.query<RowDataPacket[]>('SELECT GET_LOCK(?, 2) AS got', ['afd_quickstart_demo']);
  if (row?.got !== 1) throw new QuickstartError('Another quickstart is running on this database server.', 5);
}

async function createSchema(connection: Connection): Promise<boolean> {
  try {
    await connection.query(`DROP DATABASE IF EXISTS \`${SCHEMA}\``);
    await connection.query(`CREATE DATABASE \`${SCHEMA}\` CHARACTER SET utf8mb4`);
    return true;
  } catch (error) {
    if (REFUSED.has(String((error as { code?: unknown }).code))) return false;
    throw error;
  }
}

async function dropTables(connection: Connection, prefix: string): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>(
    'SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND LEFT(TABLE_NAME, ?) = ?',
    [prefix.length, prefix],
  );
  for (const { name } of rows) await connection.query(`DROP TABLE \`${name}\``);
}
