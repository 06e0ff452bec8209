import { isLoopback } from '../../src/core/config/loopback.ts';
import { migrateUp } from '../../src/core/db/migrate/migrator.ts';
import { type DatabaseAddress, Session, type SessionOptions } from '../../src/core/db/session.ts';
import { type TableNames, tableNames } from '../../src/core/db/table-names.ts';
import { type RoleAccounts, roleAccounts } from './role-accounts.ts';

/** A migrated, empty schema that belongs to this vitest worker alone. */
export interface TestDatabase {
  address: DatabaseAddress;
  names: TableNames;
  /** mysql:// URL of the schema, for spawned processes. */
  url: string;
  /** With AFD_TEST_ROLES=1: the accounts of the nodes, by the grants that afd prints. */
  roles?: RoleAccounts | undefined;
  /** An open session; closed by `close()`. */
  session(options?: Partial<SessionOptions>): Promise<Session>;
  close(): Promise<void>;
}

/** Where the test server is: an account that may create schemas named `afd_%`. Set by the global set-up. */
export function serverAddress(): DatabaseAddress {
  const raw = process.env.AFD_TEST_DATABASE_URL;
  if (raw !== undefined) return addressOf(raw);
  throw new Error(
    'AFD_TEST_DATABASE_URL is not set: run "npm test", or set it to mysql://user:password@host:port/schema',
  );
}

/** The address that a mysql:// URL (`?socket=` allowed) names. */
export function addressOf(raw: string): DatabaseAddress {
  const url = new URL(raw);
  const socket = url.searchParams.get('socket');
  return {
    ...(socket === null ? { host: url.hostname, port: Number(url.port || 3306) } : { socketPath: socket }),
    user: decodeURIComponent(url.username),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    database: url.pathname.slice(1),
  };
}

/** A test may be silent for longer than it thinks, on a busy machine. */
const ADMIN = { timeZone: '+00:00', idleTimeoutS: 3600, deadlineMs: 30_000, multiStatements: false };

async function asAdmin<T>(work: (admin: Session) => Promise<T>): Promise<T> {
  const admin = new Session({ ...ADMIN, address: serverAddress() });
  try {
    await admin.ready();
    return await work(admin);
  } finally {
    await admin.close();
  }
}

/** Removes the schemas of this run from a server that outlives it. */
export function dropTestDatabases(): Promise<void> {
  return asAdmin(async (admin) => {
    const rows = await admin.rows<{ name: string }>(
      'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?',
      [`afd\\_test\\_${process.env.AFD_TEST_RUN}\\_%`],
    );
    for (const { name } of rows) await admin.write(`DROP DATABASE \`${name}\``);
  });
}

/** Whether the test server is a MySQL rather than a MariaDB. */
export const isMySql = (): Promise<boolean> => asAdmin(async ({ facts }) => !facts.isMariaDb);

/** A name that the run removes with its schemas, however it ends. */
export function schemaName(purpose: string): string {
  const run = process.env.AFD_TEST_RUN === undefined ? '' : `${process.env.AFD_TEST_RUN}_`;
  return `afd_test_${run}${purpose}`;
}

const MOST_SCHEMAS = 64;
const leased = new Map<string, Promise<{ database: string; cleaner: Session }>>();
const accounts = new Map<string, Promise<RoleAccounts>>();

/**
 * The first schema of this run that no other process has: held by a lock on a connection that lives as long as this
 * process. (Vitest's own worker numbers repeat between projects.)
 */
async function leaseSchema(server: DatabaseAddress, names: TableNames, purpose: string) {
  const holder = new Session({ ...ADMIN, address: server });
  await holder.ready();
  for (let n = 1; n <= MOST_SCHEMAS; n += 1) {
    const database = schemaName(`${n}${purpose === '' ? '' : `_${purpose}`}`);
    const [row] = await holder.rows('SELECT GET_LOCK(?, 0) AS got', [database]);
    if (row?.got !== 1) continue;
    await holder.write(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4`);
    const address = { ...server, database };
    await migrateUp(address, names);
    return { database, cleaner: new Session({ ...ADMIN, address, multiStatements: true }) };
  }
  throw new Error(`all ${MOST_SCHEMAS} test schemas are in use`);
}

/** In one round trip, since it comes before each test. */
async function empty(cleaner: Session, names: TableNames): Promise<void> {
  const { plain, leader, auditHead, migration } = names;
  const kept = [leader, auditHead, migration];
  const tables = Object.keys(plain).map((one) => names[one as keyof typeof plain]);
  const statements = [
    ...tables.filter((one) => !kept.includes(one)).map((one) => `DELETE FROM ${one}`),
    `UPDATE ${leader} SET holder = NULL, holder_token = NULL, term = 0, acquired_at = NULL, renewed_at = NULL, expires_at = NULL, failing = NULL`,
    `UPDATE ${auditHead} SET id = 0, hash = UNHEX(REPEAT('00', 32))`,
  ];
  // A test may have killed every connection to its schema.
  await cleaner.ready();
  await cleaner.batch(statements.map((sql) => ({ sql })));
}

/** `purpose` gives a second, independent schema to one process. Rows of earlier tests are deleted. */
export async function testDatabase(purpose = ''): Promise<TestDatabase> {
  const server = serverAddress();
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  if (!leased.has(purpose)) leased.set(purpose, leaseSchema(server, names, purpose));
  const { database, cleaner } = await leased.get(purpose)!;
  const address = { ...server, database };
  const open: Session[] = [];
  const session = async (options: Partial<SessionOptions> = {}) => {
    const one = new Session({ ...ADMIN, address, multiStatements: true, ...options });
    open.push(one);
    await one.ready();
    return one;
  };
  await empty(cleaner, names);
  if (process.env.AFD_TEST_ROLES !== undefined && !accounts.has(database)) {
    accounts.set(database, roleAccounts(cleaner, database, names));
  }
  const auth = server.password === undefined ? server.user : `${server.user}:${encodeURIComponent(server.password)}`;
  const at = server.socketPath === undefined ? `${server.host}:${server.port}` : 'localhost';
  const inClear = server.socketPath === undefined && !isLoopback(server.host ?? '127.0.0.1') ? '?tls=disable' : '';
  return {
    address,
    names,
    roles: await accounts.get(database),
    url: `mysql://${auth}@${at}/${database}${server.socketPath === undefined ? inClear : `?socket=${encodeURIComponent(server.socketPath)}`}`,
    session,
    async close() {
      await Promise.all(open.map((one) => one.close()));
    },
  };
}
