// Finding S9, with real commands, a real database and real errors: the password of the account, the values that handlers get
// and the API key are in nothing that afd prints or logs.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/domain/errors.ts';
import { runCommand } from '../helpers/command.ts';
import { type TestDatabase, testDatabase } from '../helpers/database.ts';
import { folder } from '../unit/core/config/config-folder.ts';

const CANARY = 'c4narybird';
let db: TestDatabase;
let secrets: string[];
beforeAll(async () => {
  db = await testDatabase();
  const { password } = db.address;
  secrets = [CANARY, ...(password === undefined || password.length < 6 ? [] : [password])];
});
afterAll(() => db.close());

const HANDLERS = `
handlers:
  ok: { exec: ["true"], env: { PASSPHRASE: ${CANARY}, ACCESS_KEY: ${CANARY}, DSN: ${CANARY}, PGPASS: ${CANARY}, PLAIN: ${CANARY}, N: 1 } }
  argv:
    exec: [sh, -c, "exit 3", --token=${CANARY}, --api-key, ${CANARY}, "X-Auth-Token: ${CANARY}", "PASSWORD=${CANARY}", "mysql://u:${CANARY}@h/d"]
  mysql: { exec: [/usr/bin/env, mysql, -p${CANARY}, -u, root] }
  curl: { exec: [env, curl, -u, "me:${CANARY}", "https://me:${CANARY}@example.org/"] }
`;

/** A configuration file of this database with the canary wherever a secret may be. */
function configuration(url: string, more = ''): { cwd: string; file: string } {
  const cwd = folder({
    'afd.yaml': `database: { url: "${url}" }\nmaster: { api_key: ${CANARY} }\nworker:\n  device_id: canary\n${more}${HANDLERS}`,
  });
  return { cwd, file: join(cwd, 'afd.yaml') };
}

async function run(args: string[], url = db.url, more = '') {
  const { cwd, file } = configuration(url, more);
  const env = { AFD_LOG_LEVEL: 'debug' };
  // Once for each outcome: what libraries print about themselves needs a process.
  const debug = args.join() === 'status' ? { DEBUG: '*' } : {};
  const text = await runCommand([...args, '--config', file], { cwd, env: { ...env, ...debug } });
  const json = await runCommand([...args, '--config', file, '--json'], {
    cwd,
    env: { ...env, AFD_LOG_FORMAT: 'json' },
  });
  const said = [text.stdout, text.stderr, json.stdout, json.stderr].join('\n');
  for (const secret of secrets) expect(said, args.join(' ')).not.toContain(secret);
  const answer = json.stdout.trim() === '' ? {} : (JSON.parse(json.stdout) as { error?: { code: ErrorCode } });
  return { said, code: answer.error?.code, text, answer };
}

it('finding S9: config show names variables and programs of handlers, and none of their secrets', async () => {
  const { text, answer } = await run(['config', 'show']);
  expect(text.stdout).toContain('***');
  const { values } = answer as {
    values?: Array<{ key: string; value: Record<string, { exec?: string[]; env: object }> }>;
  };
  const handlers = values!.find(({ key }) => key === 'handlers')!.value;
  const masked = '***';
  expect(handlers.ok!.env).toEqual({
    ...{ PASSPHRASE: masked, ACCESS_KEY: masked, DSN: masked, PGPASS: masked, PLAIN: masked, N: masked },
  });
  expect(handlers.argv!.exec).toEqual([
    ...['sh', '-c', 'exit 3', '--token=***', '--api-key', masked, 'X-Auth-Token:***', 'PASSWORD=***'],
    'mysql://u:***@h/d',
  ]);
  expect(handlers.mysql!.exec).toEqual(['/usr/bin/env', 'mysql', '-p***', '-u', 'root']);
  expect(handlers.curl!.exec).toEqual(['env', 'curl', '-u', masked, 'https://me:***@example.org/']);
});

const right = () => db.url;
/** The same account with the canary for a password. */
const wrong = () => db.url.replace(/\/\/([^:@/]+)(:[^@/]*)?@/, `//$1:${CANARY}@`);
const closed = () => `mysql://afd:${CANARY}@127.0.0.1:1/afd`;
const noSchema = () => db.url.replace(/\/[a-z0-9_]+(\?|$)/, '/afd_test_no_such_schema$1');

it.each<[ErrorCode | undefined, string[], () => string, string?]>([
  [undefined, ['status'], right],
  [undefined, ['devices', 'ls'], right],
  [undefined, ['tasks', 'add', '--type', 'argv'], right],
  [undefined, ['worker', '--once', '--no-leader'], right],
  [undefined, ['leader', 'status'], right],
  [undefined, ['migrate', 'status'], right],
  ['E_DATABASE', ['status'], closed],
  ['E_DATABASE', ['worker', '--once', '--wait-database', '0s'], closed],
  ['E_DATABASE', ['leader', '--once', '--wait-database', '0s'], closed],
  ['E_DATABASE', ['migrate', 'up'], closed],
  ['E_FORBIDDEN', ['status'], wrong],
  ['E_FORBIDDEN', ['migrate', 'up'], wrong],
  ['E_FORBIDDEN', ['worker', '--once', '--wait-database', '0s'], wrong],
  ['E_USAGE', ['tasks', 'show', 'many'], right],
  ['E_USAGE', ['status', '--dtabase-password=c4narybird'], right],
  ['E_NOT_FOUND', ['tasks', 'show', '999999999'], right],
  ['E_NOT_FOUND', ['devices', 'show', 'nobody'], right],
  ['E_CONFIG', ['status'], () => `mysql://u:12?${CANARY}@127.0.0.1/db`],
  ['E_DATABASE', ['status'], () => `mysql://u:${CANARY}@db.example/db`],
  ['E_CONFIG', ['status'], right, 'tables: { task: [] }\n'],
  ['E_HANDLER_MISSING', ['worker', '--once'], right, '  capabilities: { supported_tasks: [ok, none] }\n'],
])('finding S9: no secret in %s of afd %j', async (code, args, url, more) => {
  expect((await run(args, url(), more)).code).toBe(code);
});

it('finding S9: no secret in the tables that a worker writes, nor in the error of a schema that is not there', async () => {
  expect((await run(['status'], noSchema())).code).toMatch(/^E_(CONFIG|FORBIDDEN)$/);
  const session = await db.session();
  for (const table of [db.names.device, db.names.assignment, db.names.setting]) {
    const text = JSON.stringify(await session.rows(`SELECT * FROM ${table}`));
    for (const secret of secrets) expect(text).not.toContain(secret);
  }
});

it('finding S9: no secret in what a command that does not exist says', () => {
  const cwd = folder({});
  const run = spawnSync(process.execPath, [join(process.cwd(), 'bin/run.js'), `mysql://u:${CANARY}@h/s`], {
    cwd,
    encoding: 'utf8',
  });
  expect(run.status).toBe(2);
  expect(run.stdout + run.stderr).not.toContain(CANARY);
});
