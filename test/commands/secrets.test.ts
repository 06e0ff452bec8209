import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { readSecret } from '../../src/core/db/secrets/read-secret.ts';
import { openSecret } from '../../src/core/secrets/find-secrets.ts';
import { Keyring } from '../../src/core/secrets/keyring.ts';
import { BIN, runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { it } from '../helpers/fixture.ts';
import { shapeOf } from '../helpers/json-shape.ts';
import { testContext } from '../helpers/node.ts';
import { keyFile } from '../helpers/secrets.ts';
import { folder } from '../unit/core/config/config-folder.ts';

const CANARY = 'canary-of-the-input';
const GOLDEN = fileURLToPath(new URL('../golden/json/secrets-set.json', import.meta.url));

let db: TestDatabase;
let secrets: { key_file: string };
let cwd: string;

it.beforeEach(async ({ given }) => {
  ({ db } = given);
  secrets = keyFile().secrets;
  cwd = folder({ 'afd.yaml': JSON.stringify({ secrets }) });
});

const run = (...args: string[]) => runCommand(['secrets', ...args], { cwd, env: { AFD_DATABASE_URL: db.url } });

/** With this on its standard input. */
async function set(input: string | Buffer, ...args: string[]) {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [BIN, 'secrets', 'set', ...args], {
    ...{ cwd, env: { PATH, AFD_DATABASE_URL: db.url } },
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  expect(said.stdout + said.stderr).not.toContain('canary');
  return { code: code as number, ...said };
}

async function stored(name: string): Promise<unknown> {
  const context = testContext(db, { secrets });
  const row = await readSecret(await context.session(), db.names, name);
  await context.close();
  return ((await openSecret(row!, Keyring.of(context.resolved))) as { value: unknown }).value;
}

it('afd secrets set reads the value from standard input, and prints it nowhere', async () => {
  const text = await set(`${CANARY}\n`, 'shop/42', '--json');
  expect(text.code).toBe(0);
  await expect(`${JSON.stringify(shapeOf(JSON.parse(text.stdout)), null, 2)}\n`).toMatchFileSnapshot(GOLDEN);
  expect(await stored('shop/42')).toBe(CANARY);
  const lines = await set(`${CANARY}\n\nsecond line\n`, 'shop/42');
  expect(lines.stdout).toMatch(/^shop\/42 is stored as version 2, encrypted with key [0-9a-f]{16}\.\n$/);
  expect(await stored('shop/42')).toBe(`${CANARY}\n\nsecond line`);
  const json = await set(JSON.stringify({ user: 'me', password: CANARY }), 'account', '--format', 'json');
  expect(json.stderr).toBe('Warning: shorter than 6 characters, so not masked in logs: user.\n');
  expect(await stored('account')).toEqual({ user: 'me', password: CANARY });
});

it('afd secrets set refuses a value in the command line and one that it cannot store, and repeats neither', async () => {
  const refusals: Array<[string | Buffer, string[]]> = [
    ['', ['shop/42', CANARY]],
    ['', ['shop/42', `--value=${CANARY}`]],
    ['', ['shop/42']],
    ['short', ['shop/42']],
    [`{"password":"${CANARY}"`, ['shop/42', '--format', 'json']],
    [Buffer.from([0xff, 0xfe, 0xfd, 1, 2, 3, 4]), ['shop/42']],
    [CANARY, ['shop 42']],
    [CANARY.repeat(5000), ['shop/42']],
  ];
  for (const [input, args] of refusals) {
    const { code, stdout } = await set(input, ...args, '--json');
    expect([code, JSON.parse(stdout).error.code], String(args)).toEqual([2, 'E_USAGE']);
  }
  expect(JSON.parse((await run('ls', '--json')).stdout)).toEqual({ secrets: [] });
});

it('afd secrets set needs a key that nobody else can read', async () => {
  chmodSync(secrets.key_file, 0o640);
  const open = await set(CANARY, 'shop/42', '--json');
  expect([open.code, JSON.parse(open.stdout).error.message]).toEqual([78, expect.stringContaining('chmod 600')]);
  cwd = folder({ 'afd.yaml': '{}' });
  expect((await set(CANARY, 'shop/42')).stderr).toContain('secrets.key_file');
});

it('afd secrets ls, grant and rm say what there is, without a key', async () => {
  expect((await run('ls')).stdout).toBe('There are no secrets. Add one with "afd secrets set NAME".\n');
  await set(CANARY, 'shop/42');
  cwd = folder({ 'afd.yaml': '{}' });
  expect((await run('grant', 'shop/42', '--task-type', 'sync', '--device', 'w1')).stdout).toBe(
    'shop/42 is granted to sync on w1.\n',
  );
  expect((await run('grant', 'shop/42', '--all-task-types')).stdout).toBe('shop/42 is granted to all task types.\n');
  const { stdout } = await run('ls');
  expect(stdout).toMatch(/^NAME +VERSION +KEY +CHANGED +BY +GRANTS\n/);
  expect(stdout).toMatch(/shop\/42 +1 +[0-9a-f]{16} .*all task types, sync on w1\n$/);
  expect((await run('grant', 'shop/42', '--all-task-types', '--revoke')).stdout).toBe(
    'shop/42 is no longer granted to all task types.\n',
  );
  expect((await run('grant', 'shop/42')).code).toBe(2);
  expect((await run('grant', 'none', '--task-type', 'sync')).code).toBe(3);
  expect((await run('rm', 'shop/42')).stdout).toBe('shop/42 was removed.\n');
  expect((await run('rm', 'shop/42')).code).toBe(3);
});

it('afd secrets key and rotate replace a key, and say which one is needed no more', async () => {
  await set(CANARY, 'shop/42');
  const [{ key_id: old }] = JSON.parse((await run('ls', '--json')).stdout).secrets;
  const made = JSON.parse((await run('key', secrets.key_file, '--add', '--json')).stdout);
  expect(made).toMatchObject({ file: join(secrets.key_file), old_key_ids: [old] });
  expect((await run('rotate')).stdout).toBe(
    `Every secret is encrypted with key ${made.key_id}; 1 had another key.\n` +
      `No secret needs ${old} any more: remove its line from the key file of each machine.\n`,
  );
  expect((await run('rotate')).stdout).toBe(`Every secret is encrypted with key ${made.key_id}; 0 had another key.\n`);
  expect(await stored('shop/42')).toBe(CANARY);
});
