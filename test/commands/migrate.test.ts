import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import Migrate from '../../src/commands/migrate/index.ts';
import MigrateStatus from '../../src/commands/migrate/status.ts';
import MigrateUp from '../../src/commands/migrate/up.ts';
import Status from '../../src/commands/status.ts';
import { knownMigrations } from '../../src/core/db/migrator.ts';
import { Session } from '../../src/core/db/session.ts';
import { serverAddress } from '../helpers/database.ts';
import { runCommand } from '../unit/cli/run-command.ts';

const database = `afd_test_migrate_${process.env.VITEST_POOL_ID ?? '0'}`;
let admin: Session;
let known: string[];

beforeAll(async () => {
  known = await knownMigrations();
  admin = new Session({
    address: serverAddress(),
    timeZone: '+00:00',
    idleTimeoutS: 60,
    deadlineMs: 30_000,
    multiStatements: false,
  });
  await admin.ready();
});
beforeEach(async () => {
  await admin.write(`DROP DATABASE IF EXISTS \`${database}\``);
  await admin.write(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`);
});
afterAll(async () => {
  await admin.write(`DROP DATABASE IF EXISTS \`${database}\``);
  await admin.close();
});

const env = () => {
  const raw = new URL(process.env.AFD_TEST_DATABASE_URL ?? '');
  raw.pathname = `/${database}`;
  return { AFD_DATABASE_URL: raw.href, AFD_CONFIG: '/dev/null' };
};
const run = (command: unknown, id: string, ...argv: string[]) => runCommand(command, id, argv, env());

describe('migrate', () => {
  it('applies what is missing, says what that was, and has nothing to do the second time', async () => {
    const first = await run(Migrate, 'migrate');
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toBe(`Applied ${known.length} migrations:\n${known.map((name) => `  ${name}\n`).join('')}`);
    expect((await run(MigrateUp, 'migrate:up')).stdout).toBe('The schema is up to date: nothing to do.\n');
    expect((await run(MigrateUp, 'migrate:up', '--json')).json()).toEqual({
      applied: [],
      statements: [],
      adoption: null,
    });
  });

  it('is harmless when several nodes do it at once: each step is applied by one of them', async () => {
    const { migrate } = await import('../../src/core/migrate.ts');
    const { tableNames } = await import('../../src/core/db/table-names.ts');
    const target = {
      address: { ...serverAddress(), database },
      names: tableNames({ task: 'af_crawl_task', prefix: 'af_' }),
      session: async () => admin,
    };
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate(target)));
    expect(results.flatMap((one) => one.applied).sort()).toEqual(known);
  });

  it('refuses a schema that does not exist', async () => {
    await admin.write(`DROP DATABASE \`${database}\``);
    const ran = await run(Migrate, 'migrate', '--json');
    expect(ran.exitCode).toBe(78);
    expect(ran.json()).toMatchObject({ error: { code: 'E_CONFIG' } });
  });
});

describe('migrate status', () => {
  it('changes nothing: on an empty schema everything is pending', async () => {
    const ran = await run(MigrateStatus, 'migrate:status', '--json');
    const nothing = { applied: [], missing: [], unknown: [], adopted: null, time_zone: null };
    expect(ran.json()).toEqual({ ...nothing, pending: known, up_to_date: false });
    expect(await admin.rows('SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?', [database])).toEqual([]);
  });

  it('says that all is applied', async () => {
    await run(Migrate, 'migrate');
    const { stdout } = await run(MigrateStatus, 'migrate:status');
    expect(stdout).toBe(`${known.map((name) => `  applied  ${name}\n`).join('')}The schema is up to date.\n`);
  });

  it('names what a newer afd has left, which every other command refuses', async () => {
    await run(Migrate, 'migrate');
    await admin.write(`INSERT INTO \`${database}\`.af_migration (name, batch) VALUES ('9999_later.js', 2)`);
    expect((await run(MigrateStatus, 'migrate:status', '--json')).json()).toMatchObject({
      unknown: ['9999_later.js'],
      up_to_date: false,
    });
    const ran = await run(Status, 'status', '--json');
    expect(ran.exitCode).toBe(78);
    expect(ran.json()).toMatchObject({ error: { code: 'E_SCHEMA', data: { unknown: ['9999_later.js'] } } });
  });
});
