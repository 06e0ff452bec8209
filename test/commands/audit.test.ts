// RB16 by command: what operators do is recorded, listed, verified, signed and exported.
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BIN, runCommand } from '../helpers/command.ts';
import type { Given } from '../helpers/fixture.ts';
import { it } from '../helpers/fixture.ts';
import { keyFile } from '../helpers/secrets.ts';
import { folder } from '../unit/core/config/config-folder.ts';

let given: Given;
let dir: string;
it.beforeEach(({ given: one }) => {
  given = one;
  dir = folder({ 'afd.yaml': JSON.stringify({ secrets: keyFile().secrets, master: { task_timeout: 99 } }) });
});

const OPERATOR = `os:${userInfo().username}@${hostname()}`;
const run = (...args: string[]) => runCommand(args, { cwd: dir, env: { AFD_DATABASE_URL: given.db.url } });
const ok = async (...args: string[]) => {
  const ran = await run(...args);
  expect([args.join(' '), ran.code, ran.stderr]).toEqual([args.join(' '), 0, ran.stderr]);
  return ran.stdout;
};
// biome-ignore lint/suspicious/noExplicitAny: a row may have any field
const rows = async (...args: string[]): Promise<any[]> =>
  JSON.parse(await ok('audit', 'ls', '--json', '--limit', '1000', ...args)).rows.reverse();

it('RB16 each command of an operator leaves a row with user and host, and the reason', async () => {
  const { rows: insert } = given;
  const [cancelled, moved, failed] = [
    await insert.task({ attempt: 1 }),
    await insert.task({}),
    await insert.task({ status: 'failed', attempt: 1 }),
  ];
  await ok('tasks', 'cancel', String(cancelled), '--reason', 'wrong account');
  await run('tasks', 'cancel', String(cancelled), '999999');
  await ok('tasks', 'reassign', String(moved));
  await ok('tasks', 'retry', String(failed), '--reason', 'the shop is back');
  await given.session.write(`UPDATE ${given.db.names.task} SET status = 'failed' WHERE id = ?`, [failed]);
  await ok('tasks', 'retry', '--status', 'failed', '--reason', 'again');
  await ok('devices', 'register', '--device-id', 'by-hand');
  for (const verb of ['pause', 'resume', 'drain', 'rm']) await ok('devices', verb, 'by-hand');
  await ok('config', 'apply');
  await ok('config', 'apply');
  const { PATH = '' } = process.env;
  const set = spawn(process.execPath, [BIN, 'secrets', 'set', 'shop/1'], {
    ...{ cwd: dir, env: { PATH, AFD_DATABASE_URL: given.db.url } },
  });
  const ended = once(set, 'exit');
  set.stdin.end('canary-of-the-secret');
  expect(await ended).toEqual([0, null]);
  await ok('secrets', 'grant', 'shop/1', '--task-type', 'sync');
  await ok('secrets', 'grant', 'shop/1', '--task-type', 'sync', '--revoke');
  await ok('secrets', 'rm', 'shop/1');
  await given.rows.leader('l1', 1);
  await ok('leader', 'resign');
  const found = await rows();
  expect(found.map((one) => `${one.action} ${one.object_type}:${one.object_id}`)).toEqual([
    `tasks.cancel task:${cancelled}`,
    `tasks.reassign task:${moved}`,
    `tasks.retry task:${failed}`,
    `tasks.retry task:${failed}`,
    ...['register', 'pause', 'resume', 'drain', 'remove'].map((verb) => `devices.${verb} device:by-hand`),
    'settings.set setting:master.task_timeout',
    ...['set', 'grant', 'ungrant', 'remove'].map((verb) => `secrets.${verb} secret:shop/1`),
    expect.stringMatching(/^leader\.resign leader:/),
  ]);
  expect(new Set(found.map((one) => `${one.actor} ${one.source}`))).toEqual(new Set([`${OPERATOR} null`]));
  expect(found.slice(0, 4).map((one) => one.reason)).toEqual(['wrong account', null, 'the shop is back', 'again']);
  expect(JSON.stringify(found)).not.toContain('canary');
  expect((await rows('--object', `task:${failed}`)).map((one) => one.reason)).toEqual(['the shop is back', 'again']);
  expect(await rows('--action', 'leader.resign', '--object', 'leader', '--actor', OPERATOR)).toHaveLength(1);
  expect(await ok('audit', 'verify')).toMatch(/^The audit log is intact: 15 rows, the newest is 15 \([0-9a-f]{64}\)\./);
});

it('RB16 afd tasks show names who retried, with the reason', async () => {
  const { task_id } = await given.rows.running('w1');
  await given.session.write(`UPDATE ${given.db.names.task} SET status = 'failed' WHERE id = ?`, [task_id]);
  await ok('tasks', 'retry', String(task_id), '--reason', 'the shop is back');
  expect(await ok('tasks', 'show', String(task_id))).toContain(`retried by ${OPERATOR.slice(3)}: the shop is back`);
});

it('RB16 afd audit verify exits with 1 and the first bad row, and with a checkpoint finds what was written anew', async () => {
  expect(await ok('audit', 'verify')).toBe('The audit log is empty.\n');
  for (const name of ['a', 'b', 'c']) await ok('keys', 'create', name, '--role', 'viewer');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(dir, 'audit.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(join(dir, 'audit.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  const line = await ok('audit', 'checkpoint', '--key', 'audit.key');
  expect(Object.keys(JSON.parse(line))).toEqual(['audit_checkpoint', 'id', 'hash', 'at', 'key_id', 'signature']);
  writeFileSync(join(dir, 'checkpoints.jsonl'), line.repeat(2));
  const compare = ['audit', 'verify', '--from-checkpoint', 'checkpoints.jsonl', '--public-key', 'audit.pub'];
  expect(await ok(...compare)).toContain('It agrees with 2 of 2 checkpoints.');
  const { auditLog, auditHead } = given.db.names;
  await given.session.write(`DELETE FROM ${auditLog} WHERE id = 3`);
  expect(await run('audit', 'verify')).toMatchObject({
    ...{ code: 1, stdout: 'The audit log is broken at row 3. The newest rows are missing: 3 to 3.\n' },
  });
  await given.session.write(
    `UPDATE ${auditHead} SET id = 2, hash = (SELECT hash FROM ${auditLog} WHERE ${auditLog}.id = 2)`,
  );
  expect(await ok('audit', 'verify')).toContain('Without a checkpoint');
  const found = await run(...compare, '--json');
  expect([found.code, JSON.parse(found.stdout)]).toMatchObject([1, { intact: false, first_bad: { id: 3 } }]);
  expect(await run('audit', 'verify', '--from-checkpoint', 'checkpoints.jsonl')).toMatchObject({ code: 2 });
});

it('RB16 afd audit export writes each row as a line, to a file or to standard output', async () => {
  for (const name of ['a', 'b', 'c']) await ok('keys', 'create', name, '--role', 'viewer');
  const text = await ok('audit', 'export');
  const lines = text.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(await rows());
  const made = JSON.parse(await ok('audit', 'export', '--output', 'audit.jsonl', '--json'));
  expect(made).toEqual({ file: 'audit.jsonl', rows: 3, first_id: 1, last_id: 3, complete: true });
  expect(readFileSync(join(dir, 'audit.jsonl'), 'utf8')).toBe(text);
  expect(await ok('audit', 'export', '--since', '1h')).toBe(text);
  expect(await run('audit', 'export', '--json')).toMatchObject({ code: 2 });
});
