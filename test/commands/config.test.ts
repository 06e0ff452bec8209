import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import ConfigApply from '../../src/commands/config/apply.ts';
import ConfigShow from '../../src/commands/config/show.ts';
import { CONFIG_KEYS } from '../../src/core/config/config-keys.ts';
import type { Session } from '../../src/core/db/session.ts';
import { readSettings } from '../../src/core/db/settings/read-settings.ts';
import { writeSettings } from '../../src/core/db/settings/write-settings.ts';
import type { ConfigValue } from '../../src/core/settings/config-view.ts';
import { runCommand as runProgram } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { it } from '../helpers/fixture.ts';
import { runCommand } from '../unit/cli/run-command.ts';
import { folder } from '../unit/core/config/config-folder.ts';

let db: TestDatabase;
let session: Session;
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const file = (yaml: string) => join(folder({ 'afd.yaml': yaml }), 'afd.yaml');
const show = (yaml: string, argv: string[] = [], env: Record<string, string | undefined> = {}) =>
  runCommand(ConfigShow, 'config:show', ['--config', file(yaml), ...argv], { AFD_DATABASE_URL: db.url, ...env });
const apply = (yaml: string, argv: string[] = [], env: Record<string, string> = {}) =>
  runCommand(ConfigApply, 'config:apply', ['--config', file(yaml), ...argv], { AFD_DATABASE_URL: db.url, ...env });
const stored = async () =>
  Object.fromEntries((await readSettings(session, db.names)).map((row) => [row.name, row.value]));
const write = (values: Record<string, unknown>) =>
  writeSettings(session, db.names, new Map(Object.entries(values)), { by: 'anna@host', existing: 'replace' });
async function shown(...args: Parameters<typeof show>): Promise<Record<string, ConfigValue>> {
  const { values } = (await show(args[0], ['--json'], args[2])).json() as unknown as { values: ConfigValue[] };
  return Object.fromEntries(values.map((one) => [one.key, one]));
}

describe('afd config show', () => {
  it('shows every key with its origin: default, file, environment, fleet', async () => {
    await write({ 'master.task_timeout': 900, 'master.max_retry_count': 4 });
    const values = await shown('master: { task_timeout: 10m, max_retry_count: 4 }\nworker: { region: eu }', [], {
      AFD_WORKER_HEARTBEAT_INTERVAL: '10',
    });
    expect(Object.keys(values)).toEqual(CONFIG_KEYS);
    expect(values['worker.tick_interval']).toMatchObject({ value: 1, origin: 'default' });
    expect(values['worker.region']).toMatchObject({ value: 'eu', origin: 'file' });
    expect(values['worker.heartbeat_interval']).toMatchObject({
      value: 10,
      origin: 'env AFD_WORKER_HEARTBEAT_INTERVAL',
    });
    expect(values['worker.device_id']).toMatchObject({ value: null, origin: 'default' });
    expect(values['master.task_timeout']).toEqual({
      key: 'master.task_timeout',
      value: 900,
      origin: 'fleet',
      own: { value: 600, origin: 'file' },
    });
    expect(values['master.max_retry_count']).toEqual({ key: 'master.max_retry_count', value: 4, origin: 'fleet' });
  });

  it('says why the fleet’s values are missing when the database cannot be reached, and shows the rest', async () => {
    const ran = await show('worker: { region: eu }', ['--json'], { AFD_DATABASE_URL: 'mysql://afd@127.0.0.1:1/afd' });
    expect(ran.exitCode).toBe(0);
    expect(ran.json().fleet).toEqual({ read: false, reason: expect.stringContaining('127.0.0.1:1') });
  });

  it('works without any database, and says so', async () => {
    const ran = await show('worker: { region: eu }', [], { AFD_DATABASE_URL: undefined, AFD_WROKER_REGION: 'x' });
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toContain('fleet  settings not read from the database: no database is configured\n');
    expect(ran.stdout).toMatch(/^worker\.region +file +eu$/m);
    expect(ran.stderr.match(/unknown environment variable AFD_WROKER_REGION/g)).toHaveLength(1);
  });

  it('warns of what is dangerous with the fleet’s values, not with those that they replace', async () => {
    await write({ 'master.heartbeat_timeout': 12 });
    const { stderr } = await show('master: { heartbeat_timeout: 60 }\nworker: { heartbeat_interval: 10 }');
    expect(stderr).toContain('master.heartbeat_timeout is 12 s, less than');
  });

  it('runs without a configuration file', async () => {
    const ran = await runProgram(['config', 'show', '--json'], { cwd: folder(), env: { AFD_DATABASE_URL: db.url } });
    expect(JSON.parse(ran.stdout)).toMatchObject({ file: null, fleet: { read: true, reason: null } });
  });

  it('shows where a password file is and not what it says; one that everybody can read is refused', async () => {
    const config = file('database: { password_file: secret }');
    const secret = join(config, '..', 'secret');
    writeFileSync(secret, 'hunter2');
    const run = () =>
      runCommand(ConfigShow, 'config:show', ['--config', config, '--json'], {
        AFD_DATABASE_HOST: '127.0.0.1',
        AFD_DATABASE_PORT: '1',
        AFD_DATABASE_USER: 'afd',
        AFD_DATABASE_NAME: 'afd',
        AFD_DATABASE_URL: undefined,
        AFD_DATABASE_PASSWORD_FILE: secret,
      });
    chmodSync(secret, 0o600);
    const { stdout, exitCode } = await run();
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain('hunter2');
    expect(stdout).toContain('env AFD_DATABASE_PASSWORD_FILE');
    chmodSync(secret, 0o604);
    const refused = await run();
    expect([refused.exitCode, refused.stdout]).toEqual([78, expect.stringContaining('chmod 600')]);
  });
});

describe('afd config apply', () => {
  it('finding S8: refuses a value out of its range, and writes nothing', async () => {
    for (const value of ['1e300', '0', '25d']) {
      const ran = await apply(`master: { task_timeout: ${value}, max_retry_count: 4 }`);
      expect([ran.exitCode, ran.stdout]).toEqual([78, '']);
      expect(ran.stderr).toContain('master.task_timeout must be a duration from 1ms to 24d');
    }
    expect(await stored()).toEqual({});
  });

  const yaml = 'master: { task_timeout: 15m, max_retry_count: 3, scheduler_interval: 9 }';

  it('writes what is given, equal to the default or not, and nothing else; says what changed', async () => {
    await write({ 'master.task_timeout': 60, 'master.heartbeat_timeout': 120 });
    const ran = await apply(yaml, ['--json']);
    expect(ran.json()).toEqual({
      dry_run: false,
      changes: [
        { key: 'master.task_timeout', from: 60, to: 900, from_by: 'anna@host' },
        { key: 'master.max_retry_count', from: null, to: 3, from_by: null },
      ],
      unchanged: [],
      warnings: [],
    });
    expect(await stored()).toEqual({
      'master.heartbeat_timeout': 120,
      'master.max_retry_count': 3,
      'master.task_timeout': 900,
    });
    const [, row] = await readSettings(session, db.names);
    expect(row?.updated_by).toMatch(/^.+@.+$/);
  });

  it('as a dry run says the same and writes nothing', async () => {
    const ran = await apply(yaml, ['--dry-run']);
    expect(ran.stdout).toBe(
      'Would publish these fleet-wide settings:\n  master.task_timeout = 900 (was not set)\n  master.max_retry_count = 3 (was not set)\n',
    );
    expect(await stored()).toEqual({});
  });

  it('a second time has nothing to change', async () => {
    await apply(yaml);
    expect((await apply(yaml)).stdout).toBe('Nothing to change: 2 settings are already published.\n');
    expect((await apply('worker: { region: eu }')).stdout).toContain('sets no fleet-wide setting');
  });

  it('warns of a dangerous value, and obeys', async () => {
    const ran = await apply('master: { heartbeat_timeout: 5 }');
    expect(ran.stderr).toContain('Warning: master.heartbeat_timeout is 5 s, less than');
    expect(await stored()).toEqual({ 'master.heartbeat_timeout': 5 });
  });
});
