import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import knexFactory, { type Knex } from 'knex';
import { AfdError } from '../domain/errors.ts';
import { databaseError } from './database-error.ts';
import { type DatabaseAddress, describeAddress } from './session.ts';
import type { TableNames } from './table-names.ts';

/** Handed to every migration beside knex: each step reads INFORMATION_SCHEMA first, since DDL commits before knex records it. */
export interface MigrationTools {
  names: TableNames;
  /** Creates the table unless it exists. */
  createTable(plainName: string, sql: string): Promise<void>;
  dropTable(plainName: string): Promise<void>;
  /** COLUMN_TYPE as INFORMATION_SCHEMA spells it (`bigint(20)`, `int unsigned`), undefined when there is no such column. */
  columnType(plainTable: string, column: string): Promise<string | undefined>;
}

interface Migration {
  name: string;
  up(knex: Knex, tools: MigrationTools): Promise<void>;
  down(knex: Knex, tools: MigrationTools): Promise<void>;
}

export interface MigrationStatus {
  applied: string[];
  pending: string[];
  /** Recorded in the database, but not known to this version: a newer afd has been here. */
  unknown: string[];
}

const FOLDER = fileURLToPath(new URL('../../../migrations/', import.meta.url));
const LOCK_WAIT_S = 60;

/** Applies what is missing; harmless when several nodes call it at once. Returns the names applied by this call. */
export async function migrateUp(address: DatabaseAddress, names: TableNames): Promise<string[]> {
  return withKnex(address, names, async (knex) => {
    const name = `afd:migrate:${createHash('sha256').update(`${address.database}|${names.prefix}`).digest('hex').slice(0, 40)}`;
    const [[row]] = (await knex.raw('SELECT GET_LOCK(?, ?) AS got', [name, LOCK_WAIT_S])) as [[{ got: number | null }]];
    if (row.got !== 1) {
      throw new AfdError('E_TEMPORARY', `Another process has been migrating this schema for ${LOCK_WAIT_S} s.`, {
        suggestions: ['afd migrate status'],
      });
    }
    try {
      // Whoever holds the named lock is the only migrator: a lock row left by a killed one is stale.
      await knex.migrate.forceFreeMigrationsLock();
      const [, applied] = (await knex.migrate.latest()) as [number, string[]];
      return applied;
    } finally {
      await knex.raw('SELECT RELEASE_LOCK(?)', [name]);
    }
  });
}

/** What is applied, pending and unknown; changes nothing and creates nothing. */
export async function migrationStatus(address: DatabaseAddress, names: TableNames): Promise<MigrationStatus> {
  const known = (await loadMigrations()).map((m) => m.name);
  return withKnex(address, names, async (knex) => {
    const recorded = (await knex.schema.hasTable(names.plain.migration))
      ? ((await knex(names.plain.migration).orderBy('id').pluck('name')) as string[])
      : [];
    return {
      applied: known.filter((name) => recorded.includes(name)),
      pending: known.filter((name) => !recorded.includes(name)),
      unknown: recorded.filter((name) => !known.includes(name)),
    };
  });
}

/** The names of all migrations of this version, in order. */
export async function knownMigrations(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files.filter((file) => /^\d{4}_.*\.js$/.test(file)).sort();
}

async function loadMigrations(): Promise<Migration[]> {
  const files = await knownMigrations();
  return Promise.all(
    files.map(async (file) => ({
      name: file,
      ...((await import(pathToFileURL(FOLDER + file).href)) as Omit<Migration, 'name'>),
    })),
  );
}

async function withKnex<T>(address: DatabaseAddress, names: TableNames, work: (knex: Knex) => Promise<T>): Promise<T> {
  const migrations = await loadMigrations();
  const knex = knexFactory({
    client: 'mysql2',
    pool: {
      min: 0,
      max: 1,
      afterCreate(
        connection: { query(sql: string, done: (error: unknown) => void): void },
        done: (error: unknown, c: unknown) => void,
      ) {
        // lock_wait_timeout: a waiting ALTER stops every later statement on its table.
        connection.query("SET SESSION time_zone = '+00:00', lock_wait_timeout = 5", (error) => done(error, connection));
      },
    },
    // knex would print to stdout; whatever fails is thrown as well.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
    acquireConnectionTimeout: 5000,
    connection: {
      ...(address.socketPath === undefined
        ? { host: address.host ?? '127.0.0.1', port: address.port ?? 3306 }
        : { socketPath: address.socketPath }),
      user: address.user,
      ...(address.password === undefined ? {} : { password: address.password }),
      database: address.database,
      ...(address.tls === undefined ? {} : { ssl: address.tls as never }),
      charset: 'utf8mb4',
      connectTimeout: 3000,
    },
    migrations: {
      tableName: names.plain.migration,
      disableTransactions: true,
      migrationSource: {
        getMigrations: async () => migrations,
        getMigrationName: (m: Migration) => m.name,
        getMigration: async (m: Migration) => ({
          up: (k: Knex) => m.up(k, toolsFor(k, names)),
          down: (k: Knex) => m.down(k, toolsFor(k, names)),
        }),
      },
    },
  });
  try {
    return await work(knex);
  } catch (error) {
    if (error instanceof AfdError) throw error;
    throw databaseError(error, describeAddress(address));
  } finally {
    await knex.destroy();
  }
}

function toolsFor(knex: Knex, names: TableNames): MigrationTools {
  return {
    names,
    async createTable(plainName, sql) {
      if (!(await knex.schema.hasTable(plainName))) await knex.raw(sql);
    },
    async dropTable(plainName) {
      await knex.schema.dropTableIfExists(plainName);
    },
    async columnType(plainTable, column) {
      const [rows] = (await knex.raw(
        'SELECT COLUMN_TYPE AS type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COLUMN_NAME = ?',
        [plainTable, column],
      )) as [Array<{ type: string }>];
      return rows[0]?.type;
    },
  };
}
