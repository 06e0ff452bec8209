import { createHash } from 'node:crypto';
import knexFactory, { type Knex } from 'knex';
import { AfdError } from '../../domain/errors.ts';
import { type DatabaseAddress, describeAddress } from '../address.ts';
import { databaseError } from '../database-error.ts';
import type { Row } from '../results.ts';
import type { Ask } from '../server-facts.ts';
import { type ServerWaits, WAITS } from '../server-pulse.ts';
import { assertSettings, SETTINGS_READ, settingsStatement } from '../session-settings.ts';
import type { TableNames } from '../table-names.ts';
import { MigratorDriver } from './migrator-driver.ts';
import { LOCK_WAIT_S } from './migrator-tools.ts';

/** A migration as knex sees it. */
export interface Step {
  name: string;
  up(): Promise<void>;
  down(): Promise<void>;
}

/** For how long another migrator is waited for: an index over millions of rows takes minutes. */
const MIGRATOR_WAIT_S = 600;
/** Between two statements the migrator decides what comes next, and no longer. */
const IDLE_S = 3600;
/** Not NO_ZERO_DATE: old tables hold zero dates, and an index over due_at reads them. */
const SQL_MODE = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';

/** For what opens a connection; our own errors come before those of the pool. */
const POOL_MS = 30_000;

/**
 * Runs `work` as the only migrator of this schema: under a named lock, on the one connection of knex. Calls have no
 * deadline here, since an index takes as long as it takes; they end when the server answers no connection. `steps` are
 * given once the connection is there. @throws AfdError
 */
export async function withMigrator<T>(
  address: DatabaseAddress,
  names: TableNames,
  steps: (ask: Ask) => Step[],
  work: (migrator: { ask: Ask; knex: Knex }) => Promise<T>,
  waits: ServerWaits = WAITS,
): Promise<T> {
  let known: Step[] = [];
  let account: string | undefined;
  const where = describeAddress(address);
  const driver = new MigratorDriver(address, waits);
  const knex = knexFactory({
    client: 'mysql2',
    pool: {
      min: 0,
      max: 1,
      afterCreate(connection: KnexConnection, done: (error: unknown, connection: unknown) => void) {
        driver.assertOwn(connection);
        prepare(connection, where).then(
          (own) => {
            account = own;
            driver.opened();
            done(undefined, connection);
          },
          (error: unknown) => done(error, connection),
        );
      },
    },
    // knex would print to stdout; whatever fails is thrown as well.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
    acquireConnectionTimeout: POOL_MS,
    // For knex's own tables; our driver opens the connections.
    connection: { host: address.host, database: address.database } as never,
    migrations: {
      tableName: names.plain.migration,
      disableTransactions: true,
      migrationSource: {
        getMigrations: async () => known,
        getMigrationName: (step: Step) => step.name,
        getMigration: async (step: Step) => ({ up: () => step.up(), down: () => step.down() }),
      },
    },
  });
  (knex.client as { driver: unknown }).driver = driver;
  const ask: Ask = async (sql, values = []) => (await knex.raw(sql, values as never))[0];
  try {
    known = steps(ask);
    return await locked(ask, names, () => work({ ask, knex }));
  } catch (error) {
    if (driver.failure !== undefined) throw driver.failure();
    if (error instanceof AfdError) throw error;
    throw databaseError(error, where, { account, schema: address.database });
  } finally {
    await knex.destroy();
  }
}

interface KnexConnection {
  query(sql: string, values: unknown[], done: (error: unknown, result: unknown) => void): void;
}

/** Returns the account. What every session has, but for the mode; lock_wait_timeout: a waiting ALTER stops every later statement on its table. */
async function prepare(connection: KnexConnection, where: string): Promise<string> {
  const ask = (sql: string, values: unknown[] = []) =>
    new Promise<Row[]>((resolve, reject) => {
      connection.query(sql, values, (error, rows) => (error ? reject(error as Error) : resolve(rows as Row[])));
    });
  const session = { timeZone: '+00:00', sqlMode: `'${SQL_MODE}'`, idleTimeoutS: IDLE_S, statementLimitMs: 0 };
  // The engine: knex's own table names none.
  const more = `, lock_wait_timeout = ${LOCK_WAIT_S}, default_storage_engine = InnoDB`;
  const { sql, values } = settingsStatement(session, more);
  await ask(sql, values);
  const [row] = await ask(`SELECT CURRENT_USER() AS account${SETTINGS_READ}`);
  assertSettings(row ?? {}, where, session);
  return String(row?.account);
}

/** The named lock ends with its connection, so a killed migrator leaves nothing behind. */
async function locked<T>(ask: Ask, names: TableNames, work: () => Promise<T>): Promise<T> {
  // As the server spells it: two spellings in two files of configuration are one schema where names have no case.
  const [schema] = await ask('SELECT DATABASE() AS name');
  const scope = createHash('sha256').update(`${schema?.name}|${names.prefix}`).digest('hex').slice(0, 40);
  const name = `afd:migrate:${scope}`;
  const [row] = await ask('SELECT GET_LOCK(?, ?) AS got', [name, MIGRATOR_WAIT_S]);
  if (row?.got !== 1) {
    throw new AfdError('E_TEMPORARY', `Another process has been migrating this schema for ${MIGRATOR_WAIT_S} s.`, {
      suggestions: ['afd migrate status'],
    });
  }
  try {
    return await work();
  } finally {
    await ask('SELECT RELEASE_LOCK(?)', [name]);
  }
}
