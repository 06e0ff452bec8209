// Real clusters, as scripts outside the project start them: a MySQL group of three (AFD_TEST_MYSQL_GROUP names the script), a MariaDB
// primary with a replica (AFD_TEST_MARIADB_PAIR), a Galera cluster of three (AFD_TEST_MARIADB_GALERA). Each script knows start, stop,
// env, primary (its number), `pid N` and switchover; that of the replica also `promote N` and `sql N …`.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type DatabaseAddress, inSchema } from '../../src/core/db/address.ts';
import type { TestDatabase } from './database.ts';
import { migratedSchema, newSchema } from './schema-of.ts';
import { skipBecause } from './skip.ts';
import { until } from './wait.ts';

const VARIABLES = {
  group: 'AFD_TEST_MYSQL_GROUP',
  pair: 'AFD_TEST_MARIADB_PAIR',
  galera: 'AFD_TEST_MARIADB_GALERA',
} as const;
export type Topology = keyof typeof VARIABLES;

/** More options for the servers of the scripts. */
const EXTRA = ['MARIADB_PAIR_EXTRA', 'MARIADB_GALERA_EXTRA'];
/**
 * Its data folder. A MariaDB deletes the temporary tables of every other one in its tmpdir as it starts, and one that does not find a table
 * any more that it has just made crashes (10.11: signal 11 in a SELECT).
 */
const OWN_TMPDIR = '--tmpdir=.';

/** Options of a `describe` on such a cluster. */
export function onCluster(topology: Topology) {
  const variable = VARIABLES[topology];
  return skipBecause(process.env[variable] === undefined ? `${variable} does not name a script` : undefined);
}

/** A MySQL group detects a dead primary in 21 s with its defaults. */
const FAILOVER_MS = 90_000;

const run = promisify(execFile);

export type Cluster = Awaited<ReturnType<typeof cluster>>;

export async function cluster(topology: Topology) {
  const script = process.env[VARIABLES[topology]]!;
  const env = { ...process.env };
  for (const name of EXTRA) env[name] = [process.env[name], OWN_TMPDIR].join(' ').trim();
  const tell = async (...words: string[]) => (await run(script, words, { timeout: 300_000, env })).stdout.trim();
  await tell('start');
  const said = Object.fromEntries((await tell('env')).split('\n').map((line) => line.split(/=(.*)/).slice(0, 2)));
  const login = { user: said.MYSQL_USER, password: said.MYSQL_PASSWORD, database: said.MYSQL_DATABASE };
  const members: DatabaseAddress[] = String(said.MYSQL_HOSTS)
    .split(',')
    .map((one) => one.split(':'))
    .map(([host = '', port]) => ({ host, port: Number(port), ...login }));
  const address: DatabaseAddress = { ...members[0]!, members };
  const primary = (): Promise<number | undefined> => tell('primary').then(Number, () => undefined);
  const signalMember = async (n: number, signal: NodeJS.Signals) => {
    process.kill(Number(await tell('pid', String(n))), signal);
  };
  return {
    /** `tell`: any word of the script; `primary`: number of the writer, undefined = there is none now. */
    ...{ address, tell, primary, signalMember },
    /** A migrated schema of that name, made anew. */
    schema: (name: string) => schemaOfCluster(address, name),
    /** Sends a signal to the writer, and returns its number. */
    async signal(signal: NodeJS.Signals) {
      const n = await until(primary, FAILOVER_MS, 'a writer');
      await signalMember(n, signal);
      return n;
    },
    /** Returns when another member than this one is the writer. */
    async replaced(n: number) {
      const other = async () => {
        const now = await primary();
        return now !== n && now;
      };
      return until(other, FAILOVER_MS, 'another writer');
    },
    /** Starts what is missing, and wakes what is frozen; returns when all are there. */
    mend: async () => void (await tell('start')),
    stop: async () => void (await tell('stop')),
  };
}

async function schemaOfCluster(server: DatabaseAddress, name: string): Promise<TestDatabase> {
  await newSchema(server, name);
  const address = inSchema(server, name);
  const hosts = address.members!.map((one) => `${one.host}:${one.port}`).join(',');
  return migratedSchema(address, `mysql://${address.user}:${address.password}@${hosts}/${name}`);
}
