// Brings the schema to this version, and removes it again. knex stores which migrations were applied;
// INFORMATION_SCHEMA decides what is done at each step.
import { pathToFileURL } from 'node:url';
import { AfdError } from '../../domain/errors.ts';
import { type DatabaseAddress, describeAddress } from '../address.ts';
import type { Ask } from '../server-facts.ts';
import type { TableNames } from '../table-names.ts';
import { confirmedZone, rememberZone } from './adoption/confirmed-zone.ts';
import { addForeignKeys } from './adoption/foreign-keys.ts';
import { holdings } from './adoption/holdings.ts';
import type { AdoptedTable } from './adoption/migrating.ts';
import { cannotAdopt, refusalsOf } from './adoption/refusals.ts';
import { isAdopted, readTaskTable } from './adoption/task-table.ts';
import {
  compareRecords,
  isFromDevelopment,
  knownMigrations,
  MIGRATIONS_FOLDER,
  type RecordedMigrations,
  refuseUnknown,
} from './known-migrations.ts';
import { type Step, withMigrator } from './migrator-connection.ts';
import { MigrationTools, type ToolOptions } from './migrator-tools.ts';

interface Migration {
  name: string;
  /** The part that each `up` runs, even when knex has the migration as applied. */
  always?(tools: MigrationTools): Promise<void>;
  up(tools: MigrationTools): Promise<void>;
  down(tools: MigrationTools): Promise<void>;
}

export interface UpOptions extends Partial<Pick<ToolOptions, 'visible' | 'lockWaitS' | 'onStatement' | 'onWait'>> {
  foreignKeys?: boolean;
  /** The zone of an adopted table's own times, as confirmed: `SYSTEM` or an offset. */
  zone?: string | undefined;
}

export interface MigratorRun {
  /** Migrations that this call applied or took back, in order. */
  migrations: string[];
  /** What was sent, in order. */
  statements: string[];
}

/** What a run would do. */
export interface MigratorPlan extends MigratorRun {
  /** Tables next to the task table that another program has made, and that become afd's as well. */
  adopted: AdoptedTable[];
}

/** Applies what is missing; harmless when several nodes call it at once. @throws AfdError */
export async function migrateUp(
  address: DatabaseAddress,
  names: TableNames,
  options: UpOptions = {},
): Promise<MigratorRun> {
  const migrations = await loadMigrations();
  let tools: MigrationTools | undefined;
  const make = (ask: Ask) => {
    tools = new MigrationTools(ask, names, toolOptions(options, false));
    return stepsOf(migrations, tools);
  };
  return withMigrator(address, names, make, async ({ ask, knex }) => {
    refuseUnknown(await readRecords(ask, names, migrations), describeAddress(address));
    await refuseTable(ask, names, options.zone);
    // Whatever cannot be used is found before anything is changed.
    await planUp(ask, names, options, describeAddress(address));
    // The holder of the named lock is the only migrator: a lock row left by a killed one is stale.
    await knex.migrate.forceFreeMigrationsLock();
    const [, applied] = (await knex.migrate.latest()) as [number, string[]];
    if (tools === undefined) throw new AfdError('E_INTERNAL', 'A migration ran without MigrationTools.');
    await finishUp(tools, migrations, applied, options);
    return { migrations: applied, statements: tools.statements };
  });
}

/** What `migrateUp` would do now; changes nothing and takes no lock. @throws AfdError E_SCHEMA, E_CONFLICT */
export async function planUp(ask: Ask, names: TableNames, options: UpOptions, where: string): Promise<MigratorPlan> {
  const migrations = await loadMigrations();
  const records = await readRecords(ask, names, migrations);
  refuseUnknown(records, where);
  const tools = new MigrationTools(ask, names, toolOptions(options, true));
  for (const migration of migrations) {
    if (records.pending.includes(migration.name)) await migration.up(tools);
  }
  await finishUp(tools, migrations, records.pending, options);
  return { migrations: records.pending, statements: tools.statements, adopted: tools.adopted };
}

/**
 * Takes back everything that afd made. An adopted task table stays, with its rows and the longer ENUM.
 * @throws AfdError E_CONFLICT when something holds rows and `force` is not given
 */
export async function migrateDown(
  address: DatabaseAddress,
  names: TableNames,
  options: { force: boolean; dryRun?: boolean } & Pick<UpOptions, 'onStatement' | 'onWait'>,
): Promise<MigratorRun> {
  const migrations = await loadMigrations();
  let tools: MigrationTools | undefined;
  const make = (ask: Ask) => {
    tools = new MigrationTools(ask, names, toolOptions(options, options.dryRun === true));
    return stepsOf(migrations, tools);
  };
  return withMigrator(address, names, make, async ({ ask, knex }) => {
    if (tools === undefined) throw new AfdError('E_INTERNAL', 'A migration ran without MigrationTools.');
    const records = await readRecords(ask, names, migrations);
    // The tables of a development version are removed like those of this one; knex does not know its migrations.
    if (!isFromDevelopment(records)) refuseUnknown(records, describeAddress(address));
    const held = await holdings(ask, names);
    if (held.length > 0 && !options.force) throw refuseRows(held);
    if (options.dryRun === true) {
      for (const migration of migrations.toReversed()) await migration.down(tools);
      return { migrations: [], statements: tools.statements };
    }
    let taken = records.unknown;
    if (records.applied.length > 0) {
      await knex.migrate.forceFreeMigrationsLock();
      [, taken] = (await knex.migrate.rollback(undefined, true)) as [number, string[]];
    }
    // What a killed run left is not stored as applied: each step checks for itself.
    for (const migration of migrations.toReversed()) await migration.down(tools);
    await tools.dropTable(names.plain.migration);
    await tools.dropTable(`${names.plain.migration}_lock`);
    return { migrations: taken, statements: tools.statements };
  });
}

async function finishUp(tools: MigrationTools, migrations: Migration[], applied: string[], options: UpOptions) {
  for (const migration of migrations) {
    if (!applied.includes(migration.name)) await migration.always?.(tools);
  }
  if (options.foreignKeys === true) await addForeignKeys(tools);
  if (options.zone !== undefined) await rememberZone(tools, options.zone);
}

async function loadMigrations(): Promise<Migration[]> {
  const files = await knownMigrations();
  return Promise.all(
    files.map(async (file) => ({
      ...((await import(pathToFileURL(MIGRATIONS_FOLDER + file).href)) as Omit<Migration, 'name'>),
      name: file,
    })),
  );
}

function stepsOf(migrations: Migration[], tools: MigrationTools): Step[] {
  return migrations.map((one) => ({ name: one.name, up: () => one.up(tools), down: () => one.down(tools) }));
}

function toolOptions(options: UpOptions, dryRun: boolean): ToolOptions {
  const { visible = false, lockWaitS = 600, onStatement, onWait } = options;
  return { dryRun, visible, lockWaitS, onStatement, onWait };
}

async function readRecords(ask: Ask, names: TableNames, migrations: Migration[]): Promise<RecordedMigrations> {
  const there = await ask(
    'SELECT 1 AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?',
    [names.plain.migration],
  );
  const rows = there.length === 0 ? [] : await ask(`SELECT name FROM ${names.migration} ORDER BY id`);
  return compareRecords(
    migrations.map(({ name }) => name),
    rows.map((row) => String(row.name)),
  );
}

/** Before anything is made: the table must be one that can be used, in a confirmed zone. */
async function refuseTable(ask: Ask, names: TableNames, zone: string | undefined): Promise<void> {
  const facts = await readTaskTable(ask, names.plain.task);
  if (facts === undefined) return;
  const refusals = refusalsOf(facts);
  if (refusals.length > 0) throw cannotAdopt(facts.name, refusals);
  if (zone !== undefined || !isAdopted(facts) || (await confirmedZone(ask, names)) !== undefined) return;
  const message = `The table ${facts.name} exists, but the time zone of its times is not confirmed. Set database.time_zone in afd.yaml, or pass --yes to accept the one that the dry run shows.`;
  throw new AfdError('E_CONFIG', message, { suggestions: ['afd migrate --dry-run'] });
}

function refuseRows(held: Array<{ table: string; rows: number; what: string }>): AfdError {
  const list = held.map(({ rows, what }) => `${rows} ${what}`).join(', ');
  return new AfdError('E_CONFLICT', `This would delete ${list}. Nothing was changed.`, {
    suggestions: ['afd migrate down --dry-run --force', 'afd migrate down --force'],
    data: { held },
  });
}
