// A MySQL group of three real members, as a script outside the project starts it (AFD_TEST_MYSQL_GROUP names the script). It knows
// start, stop, env, members, primary, `pid N` and `switchover`.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { DatabaseAddress } from '../../src/core/db/address.ts';
import { inSchema } from '../../src/core/db/address.ts';
import { migrateUp } from '../../src/core/db/migrate/migrator.ts';
import type { Session } from '../../src/core/db/session.ts';
import { tableNames } from '../../src/core/db/table-names.ts';
import { writerAddress } from '../../src/core/writer/writer-finder.ts';
import type { TestDatabase } from './database.ts';
import { sessionOf } from './schema-of.ts';
import { until } from './wait.ts';

const SCRIPT = process.env.AFD_TEST_MYSQL_GROUP;

/** Why there is no group; undefined = there is one. */
export const NO_GROUP =
  SCRIPT === undefined ? 'AFD_TEST_MYSQL_GROUP does not name a script that starts a MySQL group' : undefined;

/** The group's own detection takes 21 s with its defaults. */
const FAILOVER_MS = 90_000;

const run = promisify(execFile);

async function group(...words: string[]): Promise<string> {
  const { stdout } = await run(SCRIPT!, words, { timeout: 300_000 });
  return stdout.trim();
}

export interface MysqlGroup {
  address: DatabaseAddress;
  /** A migrated schema of that name, made anew. */
  schema(name: string): Promise<TestDatabase>;
  /** Number of the primary; undefined = there is none now. */
  primary(): Promise<number | undefined>;
  /** Sends a signal to the primary, and returns its number. */
  signal(signal: NodeJS.Signals): Promise<number>;
  signalMember(n: number, signal: NodeJS.Signals): Promise<void>;
  /** Returns when another member than this one is primary. */
  replaced(n: number): Promise<number>;
  switchover(): Promise<void>;
  /** Starts what is missing, and wakes what is frozen; returns when all are online. */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

export async function mysqlGroup(): Promise<MysqlGroup> {
  await group('start');
  const env = Object.fromEntries((await group('env')).split('\n').map((line) => line.split(/=(.*)/).slice(0, 2)));
  const login = { user: env.MYSQL_USER, password: env.MYSQL_PASSWORD, database: env.MYSQL_DATABASE };
  const members: DatabaseAddress[] = String(env.MYSQL_HOSTS)
    .split(',')
    .map((one) => one.split(':'))
    .map(([host = '', port]) => ({ host, port: Number(port), ...login }));
  const address: DatabaseAddress = { ...members[0]!, members };
  const primary = () => group('primary').then(Number, () => undefined);
  const signalMember = async (n: number, signal: NodeJS.Signals) => {
    process.kill(Number(await group('pid', String(n))), signal);
  };
  return {
    address,
    schema: (name) => schemaOfGroup(address, name),
    primary,
    signalMember,
    async signal(signal) {
      const n = await until(primary, FAILOVER_MS, 'a primary');
      await signalMember(n, signal);
      return n;
    },
    replaced: (n) =>
      until(
        async () => {
          const now = await primary();
          return now !== n && now;
        },
        FAILOVER_MS,
        'another primary',
      ),
    async switchover() {
      await group('switchover');
    },
    async mend() {
      await group('start');
    },
    async stop() {
      await group('stop');
    },
  };
}

async function schemaOfGroup(server: DatabaseAddress, name: string): Promise<TestDatabase> {
  const admin = sessionOf(server, { deadlineMs: 30_000 });
  await admin.ready();
  await admin.write(`DROP DATABASE IF EXISTS ${name}`);
  await admin.write(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await admin.close();
  const address = inSchema(server, name);
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  await migrateUp(await writerAddress(address), names);
  const open: Session[] = [];
  const hosts = address.members!.map((one) => `${one.host}:${one.port}`).join(',');
  return {
    address,
    names,
    url: `mysql://${address.user}:${address.password}@${hosts}/${name}`,
    async session(options = {}) {
      const session = sessionOf(address, options);
      open.push(session);
      await session.ready();
      return session;
    },
    async close() {
      await Promise.all(open.map((session) => session.close()));
    },
  };
}
