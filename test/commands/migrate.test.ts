import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import MigrateDown from '../../src/commands/migrate/down.ts';
import Migrate from '../../src/commands/migrate/index.ts';
import MigrateStatus from '../../src/commands/migrate/status.ts';
import MigrateUp from '../../src/commands/migrate/up.ts';
import Status from '../../src/commands/status.ts';
import { knownMigrations } from '../../src/core/db/migrate/known-migrations.ts';
import { Session } from '../../src/core/db/session.ts';
import { actor } from '../helpers/actor.ts';
import { schemaName, serverAddress } from '../helpers/database.ts';
import { runCommand } from '../unit/cli/run-command.ts';

const database = schemaName(`migrate_${process.env.VITEST_POOL_ID ?? '0'}`);
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
    expect(first.stdout).toBe('Applied 1 migration:\n  0001_schema.js\n');
    expect((await run(MigrateUp, 'migrate:up')).stdout).toBe('The schema is up to date. Nothing was changed.\n');
    expect((await run(MigrateUp, 'migrate:up', '--json')).json()).toEqual({
      applied: [],
      statements: [],
      adoption: null,
      adopted_tables: [],
    });
  });

  it('is harmless when several nodes do it at once: each step is applied by one of them', async () => {
    const { migrate } = await import('../../src/core/migrate/migrate.ts');
    const { tableNames } = await import('../../src/core/db/table-names.ts');
    const address = { ...serverAddress(), database };
    const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
    const results = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const session = new Session({ ...admin.options, address });
        await session.ready();
        return migrate({ address, names, session: async () => session }, actor()).finally(() => session.close());
      }),
    );
    expect(results.flatMap((one) => one.applied).sort()).toEqual(known);
    const rows = await admin.rows(`SELECT action, object_id FROM \`${database}\`.af_audit_log ORDER BY id`);
    expect(rows).toEqual(known.map((object_id) => ({ action: 'migrate.up', object_id })));
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

describe('a schema of a development version', () => {
  /** Its migrations have other names, and columns that came later are missing. */
  const made = async () => {
    await run(Migrate, 'migrate');
    await admin.write(`UPDATE \`${database}\`.af_migration SET name = '0001_devices.js'`);
    await admin.write(`INSERT INTO \`${database}\`.af_migration (name, batch) VALUES ('0002_tasks.js', 1)`);
    await admin.write(`ALTER TABLE \`${database}\`.af_device DROP COLUMN pid`);
    await admin.write(`INSERT INTO \`${database}\`.af_crawl_task (task_type) VALUES ('a')`);
  };

  it.each<[string, unknown, string, string[]]>([
    ['migrate', Migrate, 'migrate', []],
    ['migrate --dry-run', Migrate, 'migrate', ['--dry-run']],
    ['status', Status, 'status', []],
  ])('is refused by %s, which says what it is and how to remove it', async (_, command, id, argv) => {
    await made();
    const ran = await run(command, id, ...argv, '--json');
    expect(ran.exitCode).toBe(78);
    const { error } = ran.json() as { error: { code: string; message: string; suggestions: string[] } };
    expect(error.code).toBe('E_SCHEMA');
    expect(error.message).toMatch(
      /^A development version of afd created the schema at .* \(migrations 0001_devices.js, 0002_tasks.js\), and this version cannot upgrade it\./,
    );
    expect(error.message).not.toContain('newer');
    expect(error.suggestions).toContain('afd migrate down --force');
  });

  it('is shown by migrate status with the command that shows how to remove it', async () => {
    await made();
    const { stdout, exitCode } = await run(MigrateStatus, 'migrate:status');
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      '  pending  0001_schema.js\n  unknown  0001_devices.js\n  unknown  0002_tasks.js\n' +
        'A development version of afd created this schema, and this version cannot upgrade it. Run "afd migrate down --force --dry-run" to see how to remove it.\n',
    );
    expect((await run(Migrate, 'migrate', '--check')).exitCode).toBe(78);
  });

  it('is removed by migrate down, which needs force for its rows, and made again by migrate', async () => {
    await made();
    expect((await run(MigrateDown, 'migrate:down', '--json')).json()).toMatchObject({ error: { code: 'E_CONFLICT' } });
    const removed = await run(MigrateDown, 'migrate:down', '--force', '--json');
    expect(removed.json()).toMatchObject({ removed: ['0001_devices.js', '0002_tasks.js'] });
    expect(await admin.rows('SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?', [database])).toEqual([]);
    expect((await run(Migrate, 'migrate')).exitCode).toBe(0);
    expect((await run(Status, 'status', '--json')).json()).not.toHaveProperty('error');
  });
});

const T1 = `CREATE TABLE \`${database}\`.cl_task (
  id INT AUTO_INCREMENT PRIMARY KEY, task_type VARCHAR(32) NOT NULL, username VARCHAR(255) NOT NULL,
  status ENUM('pending','running','failed','done') DEFAULT 'pending', retry INT DEFAULT 0,
  next_run_at DATETIME DEFAULT CURRENT_TIMESTAMP, created_at DATETIME DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB`;

/** The zone of the hostile server has daylight saving, which is asked for by its own flag. */
const SURE = process.env.AFD_TEST_HOSTILE === undefined ? ['--yes'] : ['--yes', '--daylight-saving'];

describe('migrate over a table of others', () => {
  const theirs = { AFD_TABLES_TASK: 'cl_task' };
  const over = (extra: Record<string, string>, command: unknown, id: string, ...argv: string[]) =>
    runCommand(command, id, argv, { ...env(), ...theirs, ...extra });
  const columns = async () =>
    (
      await admin.rows("SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'cl_task'", [
        database,
      ])
    ).length;
  beforeEach(async () => {
    await admin.write(T1);
    await admin.write(
      `INSERT INTO \`${database}\`.cl_task (task_type, username, status) VALUES ('a', 'u', 'running'), ('a', 'u', 'pending')`,
    );
  });

  it('prints in a dry run the SQL, and as comments what it found and which zone it takes the times for', async () => {
    const ran = await over({}, Migrate, 'migrate', '--dry-run');
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = ran.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('-- The table cl_task exists and was not created by afd: 2 rows (1 pending, 1 running).');
    expect(lines[1]).toMatch(
      /^-- Its times are assumed to be in time zone SYSTEM = \S+, according to the server's time_zone\. The newest write, /,
    );
    expect(ran.stdout).toContain(
      '-- * 1 running tasks are not held by an attempt of afd: afd and its health check do not change them',
    );
    for (const line of lines.filter((one) => one.startsWith('ALTER TABLE `cl_task`'))) {
      expect(line).toMatch(/, ALGORITHM=(INSTANT|INPLACE, LOCK=NONE);$/);
    }
    expect(await columns()).toBe(7);
    const json = (await over({}, Migrate, 'migrate', '--dry-run', '--json')).json();
    expect(json).toMatchObject({
      dry_run: true,
      pending: known,
      adoption: { table: 'cl_task', rows: 2, time_zone: { zone: 'SYSTEM', from: 'server' } },
    });
  });

  it('does nothing before the zone of its times is said: by --yes or by the setting', async () => {
    const refused = await over({}, Migrate, 'migrate', '--json');
    expect(refused.exitCode).toBe(78);
    expect(refused.json()).toMatchObject({
      error: { code: 'E_CONFIG', suggestions: ['afd migrate --dry-run', `afd migrate ${SURE.at(-1)}`] },
    });
    expect(await columns()).toBe(7);
    const done = await over({}, Migrate, 'migrate', ...SURE);
    expect(done.exitCode).toBe(0);
    expect(done.stdout).toContain('Adopted cl_task (2 rows unchanged); its times are in time zone SYSTEM.');
    // Who names no zone has the one that was confirmed; who names another is refused, with the line.
    expect((await over({}, Status, 'status', '--json')).exitCode).not.toBe(78);
    const wrong = await over({ AFD_DATABASE_TIME_ZONE: '+00:00' }, Status, 'status', '--json');
    expect(wrong.exitCode).toBe(78);
    expect(String((wrong.json().error as { message: string }).message)).toContain('Set database.time_zone: "SYSTEM"');
    expect((await over({ AFD_DATABASE_TIME_ZONE: 'SYSTEM' }, Status, 'status')).exitCode).not.toBe(78);
  });

  it('takes the zone of the setting without asking, unless rows of the future speak against it', async () => {
    await admin.write(`UPDATE \`${database}\`.cl_task SET created_at = UTC_TIMESTAMP() + INTERVAL 8 HOUR`);
    const west = await over({ AFD_DATABASE_TIME_ZONE: '+00:00' }, Migrate, 'migrate', '--json');
    expect(west.exitCode).toBe(78);
    expect(String((west.json().error as { message: string }).message)).toContain('the time zone is probably +08:00');
    const east = await over({ AFD_DATABASE_TIME_ZONE: '+08:00' }, Migrate, 'migrate', '--json');
    expect(east.json()).toMatchObject({ applied: known, adoption: { time_zone: { zone: '+08:00', from: 'setting' } } });
    expect((await over({}, MigrateStatus, 'migrate:status', '--json')).json()).toMatchObject({
      up_to_date: true,
      adopted: true,
      time_zone: '+08:00',
    });
  });
});

describe('migrate --check', () => {
  it('exits 78 when something is missing and changes nothing, 0 when all is there', async () => {
    const before = await run(Migrate, 'migrate', '--check', '--json');
    expect(before.exitCode).toBe(78);
    expect(before.json()).toMatchObject({ pending: known, up_to_date: false });
    expect(await admin.rows('SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?', [database])).toEqual([]);
    await run(Migrate, 'migrate');
    expect((await run(MigrateUp, 'migrate:up', '--check')).exitCode).toBe(0);
    await admin.write(`ALTER TABLE \`${database}\`.af_crawl_task DROP INDEX afd_target`);
    const after = await run(Migrate, 'migrate', '--check');
    expect(after.exitCode).toBe(78);
    expect(after.stdout).toContain('  missing  index afd_target\n');
  });
});
