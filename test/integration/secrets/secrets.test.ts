// Secrets of tasks: what a handler gets, and that nothing else ever has it.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import type { Context } from '../../../src/core/context/context.ts';
import type { Row, Session } from '../../../src/core/db/session.ts';
import type { Handler } from '../../../src/core/handlers/handler.ts';
import { untilAborted } from '../../../src/core/runtime/service.ts';
import { newKey } from '../../../src/core/secrets/fleet-key.ts';
import { grantSecret } from '../../../src/core/secrets/manage-secrets.ts';
import { TransferKey } from '../../../src/core/secrets/transfer.ts';
import { type LoadedHandlers, loadHandlers } from '../../../src/core/worker/load-handlers.ts';
import { silentLog } from '../../fixtures/handlers/attempt.ts';
import { PATH } from '../../fixtures/handlers/command.ts';
import { actor } from '../../helpers/actor.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { wholeDatabase } from '../../helpers/dump.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers, type TestWorker, testContext } from '../../helpers/node.ts';
import { keyFile, storeSecrets } from '../../helpers/secrets.ts';
import { until } from '../../helpers/wait.ts';
import { folder } from '../../unit/core/config/config-folder.ts';

const ACCOUNT = { user: 'canary-user', password: 'canary-"pass"word/1' };
const TOKEN = 'canary-of-the-token';
const proof = (text: string) => createHash('sha256').update(text).digest('hex');

const LEAKS = `
import { createHash } from 'node:crypto';
const sha = (text) => createHash('sha256').update(text).digest('hex');
export default async (task, ctx) => {
  const { account, token, do: what } = task.task_data;
  console.log('stdout', account.password, JSON.stringify(account), token);
  console.error('stderr', encodeURIComponent(account.password), Buffer.from(token).toString('base64'));
  ctx.log.warn('logged ' + token, { cookie_of: account.password, inside: { text: 'a ' + token } });
  ctx.progress(1, 2, 'reading with ' + token);
  ctx.metric('of ' + token, 3);
  await ctx.checkpoint({ account, token, page: 7 });
  const refused = await ctx.checkpoint({ url: 'https://host/?t=' + token }).then(() => 'stored', (error) => error.message);
  if (what === 'throw') throw Object.assign(new Error('login of ' + account.password + ' failed'), { name: token });
  if (what === 'later') { setTimeout(() => { throw new Error('in a timer: ' + token); }, 1); await new Promise(() => {}); }
  if (what === 'resume' && task.attempt === 1) throw new Error('first');
  if (what === 'tear') ctx.enqueue({ task_type: 'next', task_data: { url: 'https://host/?t=' + token } });
  else ctx.enqueue({ task_type: 'next', task_data: { account, token, page: 2 } });
  const { checkpoint } = task;
  const resumed = checkpoint === null ? null : sha(checkpoint.account.password) + ' ' + checkpoint.page;
  return { proof: [sha(account.password), sha(token)], account, text: 'used ' + token, refused, resumed };
};`;
const SCRIPT = `#!/bin/sh
read task; echo "$task"; echo "in the environment: $TOKEN" >&2
printf '%s' "$PASSWORD" | sha256sum | cut -d' ' -f1 > proof.txt
printf '{"result":{"proof":"%s","said":"%s"}}' "$(cat proof.txt)" "$TOKEN" > "$AFD_RESULT_FILE"
[ "$1" != fail ] || { echo "login with $TOKEN failed" >&2; exit 1; }`;

let db: TestDatabase;
let session: Session;
let context: Context;
let loaded: LoadedHandlers;
let secrets: { key_file: string };

const TYPES = ['none', 'thread', 'process', 'command', 'failing'];

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  secrets = keyFile().secrets;
  context = testContext(db, { secrets });
  await storeSecrets(context, { 'shop/42': ACCOUNT, token: TOKEN }, TYPES);
  const dir = folder({ 'leaks.mjs': LEAKS });
  const program = join(dir, 'says.sh');
  writeFileSync(program, SCRIPT, { mode: 0o755 });
  const modules = ['none', 'thread', 'process'].map((isolation) => [isolation, { module: 'leaks.mjs', isolation }]);
  const env = { TOKEN: 'secret:token', PASSWORD: 'secret:shop/42#password', PLAIN: 'plain' };
  const cwd = folder({});
  const commands = { command: { exec: [program], env, cwd }, failing: { exec: [program, 'fail'], env, cwd } };
  const { handlers } = configSchema.parse({ handlers: { ...Object.fromEntries(modules), ...commands } });
  loaded = await loadHandlers({
    ...{ handlers, supported_tasks: undefined, base_dir: dir, env: { PATH }, kill_grace: 1 },
    ...{ slots: 5, onWarning: () => {}, logOf: () => silentLog },
  });
});
afterEach(async () => {
  await stopWorkers();
  await stopGateways();
  await loaded.close();
  await context.close();
});

const payload = (more: object = {}) =>
  JSON.stringify({ account: 'secret:shop/42', token: 'secret:token', n: 1, ...more });
const add = (task_type: string, task_data = payload(), max_retry_count = 0) =>
  insertTask(session, db.names, { task_type, task_data, max_retry_count });
const master = { retry_backoff: { initial: 0, max: 0, jitter: 0 } };
const start = (more: object = {}) =>
  startWorker(db, { handlers: Object.fromEntries(loaded.handlers), secrets, master, ...more });
const ended = (id: number) =>
  until(async () => {
    const [row] = await session.rows(`SELECT status, last_error FROM ${db.names.task} WHERE id = ?`, [id]);
    return ['done', 'failed'].includes(row!.status) && row!;
  }, 20_000);
const attempt = async (id: number) => {
  const [row] = await session.rows(
    `SELECT status, result, error_class, error_message FROM ${db.names.assignment} WHERE task_id = ? ORDER BY attempt DESC`,
    [id],
  );
  return { ...(row as Row), result: JSON.parse(row!.result ?? 'null') } as Row;
};

/** Whatever is in any column of any table, binary ones as text too, and the run logs as they are printed. */
const dump = () =>
  wholeDatabase(session, (table, value) =>
    `\`${table}\`` === db.names.log ? inflateRawSync(value).toString() : undefined,
  );

/** Parts of the values, also as JSON, a URL and base64 spell them. */
const PARTS = ['canary', 'pass\\"word', 'pass%22word', Buffer.from(TOKEN).toString('base64').slice(0, 12)];
async function nowhere(...workers: TestWorker[]) {
  const texts = [await dump(), ...workers.flatMap((one) => [one.context.lines.join(''), JSON.stringify(one.seen)])];
  for (const part of PARTS) for (const text of texts) expect(text).not.toContain(part);
}

describe('RB9 a secret', () => {
  it.for(['none', 'thread', 'process'])(
    'is plain in the input of a module (isolation: %s), and in its checkpoint, alone: in no column, log line or event',
    async (type) => {
      const worker = start();
      const [id, failing, resumed, torn] = [
        await add(type),
        await add(type, payload({ do: 'throw' })),
        await add(type, payload({ do: 'resume' }), 3),
        await add(type, payload({ do: 'tear' }), 3),
      ];
      const timer = type === 'none' ? undefined : await add(type, payload({ do: 'later' }));
      for (const [one, status] of [
        [id, 'done'],
        [failing, 'failed'],
        [resumed, 'done'],
        [torn, 'failed'],
      ] as const)
        expect((await ended(one)).status).toBe(status);
      if (timer !== undefined) expect((await ended(timer)).last_error).toContain('in a timer: ***');
      await stopWorkers();
      expect((await attempt(id)).result).toMatchObject({
        proof: [proof(ACCOUNT.password), proof(TOKEN)],
        ...{ account: 'secret:shop/42', text: 'used ***', resumed: null },
        refused: expect.stringContaining('it contains the value of a secret'),
      });
      expect((await attempt(failing)).error_message).toContain('login of *** failed');
      expect((await attempt(resumed)).result.resumed).toBe(`${proof(ACCOUNT.password)} 7`);
      expect(await attempt(torn)).toMatchObject({ status: 'failed', error_class: 'secret_in_task' });
      const rows = await session.rows(`SELECT task_data FROM ${db.names.task} WHERE task_type = 'next'`);
      expect(JSON.parse(rows[0]!.task_data)).toEqual({ account: 'secret:shop/42', token: 'secret:token', page: 2 });
      await nowhere(worker);
    },
  );

  it('is on the standard input and, by reference, in the environment of a command', async () => {
    const worker = start();
    const [id, failing] = [await add('command'), await add('failing', '{}')];
    expect((await ended(id)).status).toBe('done');
    expect((await ended(failing)).status).toBe('failed');
    await stopWorkers();
    expect((await attempt(id)).result).toEqual({ proof: proof(ACCOUNT.password), said: 'secret:token' });
    expect((await attempt(failing)).error_message).toContain('login with *** failed');
    await nowhere(worker);
  });

  it('comes with payloads that are fetched apart, and with the columns of the payload', async () => {
    const got: unknown[] = [];
    await grantSecret(context, { name: 'token', task_types: ['t'], device_ids: ['w1'], revoke: false, by: actor() });
    start({ handlers: { t: (task: { task_data: object }) => void got.push(task.task_data) } });
    const task_data = JSON.stringify({ deep: { list: ['secret:token'] }, long: 'x'.repeat(40_000) });
    const id = await insertTask(session, db.names, { task_type: 't', username: 'secret:token', task_data });
    expect((await ended(id)).status).toBe('done');
    expect(got).toMatchObject([{ username: TOKEN, deep: { list: [TOKEN] } }]);
  });
});

describe('a task that refers to a secret', () => {
  const attempts = (id: number) =>
    session.rows(`SELECT error_class FROM ${db.names.assignment} WHERE task_id = ?`, [id]);

  it('fails for good when it does not exist, is not granted, or has no such member', async () => {
    const worker = start({ handlers: { t: () => {}, thread: () => {} } });
    for (const [type, reference, error_class] of [
      ['thread', 'secret:nothing', 'secret_missing'],
      ['thread', 'secret:token#member', 'secret_missing'],
      ['t', 'secret:shop/42', 'secret_not_granted'],
    ] as const) {
      const id = await add(type, JSON.stringify({ a: reference }), 3);
      const last_error = expect.stringMatching(/The secret|may not use the secret/);
      expect(await ended(id)).toMatchObject({ status: 'failed', last_error });
      expect(await attempts(id)).toEqual([{ error_class }]);
    }
    await nowhere(worker);
  });

  it('is retried when this device does not have the key', async () => {
    writeFileSync(secrets.key_file, `${newKey().line}\n`, { mode: 0o600 });
    start({ handlers: { thread: () => {} } });
    const id = await add('thread', '{"a":"secret:token"}', 2);
    await ended(id);
    expect((await attempts(id)).map((one) => one.error_class)).toEqual(['secret_key', 'secret_key', 'secret_key']);
  });
});

describe('a remote worker', () => {
  it('gets secrets from its gateway, which alone has the key; its journal never has them', async () => {
    const gateway = await startGateway(db, { secrets });
    const worker = start({ secrets: {}, gateways: [gateway.url] });
    const [id, other] = [await add('thread'), await add('command')];
    expect((await ended(id)).status).toBe('done');
    expect((await ended(other)).status).toBe('done');
    const { journal } = worker.context.config.worker;
    const kept = readdirSync(journal!).map((name) => readFileSync(join(journal!, name), 'utf8'));
    for (const part of PARTS) expect(kept.join('\n')).not.toContain(part);
    await stopWorkers();
    expect((await attempt(id)).result.proof).toEqual([proof(ACCOUNT.password), proof(TOKEN)]);
    expect((await attempt(other)).result.proof).toBe(proof(ACCOUNT.password));
    await nowhere(worker);
    for (const part of PARTS) expect(gateway.lines.join('')).not.toContain(part);
  });

  it('gets what its task type may use on its device, for a task that it holds, and nothing in plain', async () => {
    const gateway = await startGateway(db, { secrets });
    const held: Array<{ task_id: number; claim_token: string }> = [];
    const end = new AbortController();
    const thread: Handler = {
      timeout: undefined,
      async execute(asked) {
        held.push({ task_id: asked.task.task_id, claim_token: asked.claim_token });
        await untilAborted(end.signal);
        return { kind: 'done', result: null, enqueue: [] };
      },
    };
    start({ secrets: {}, gateways: [gateway.url], handlers: { thread } });
    const id = await add('thread', '{}');
    const mine = await until(() => held[0]);
    const key = new TransferKey();
    const ask = (device: string, more: object = {}) =>
      gateway.call(`/api/v1/devices/${device}/secrets`, {
        ...{ ...mine, names: ['token', 'nothing'], public_key: key.publicKey },
        ...more,
      });
    const { json } = await ask('w1');
    expect(json.secrets).toMatchObject([{ name: 'token' }, { name: 'nothing', problem: 'secret_missing' }]);
    expect(JSON.stringify(json)).not.toContain('canary');
    expect(key.open(json.secrets[0])).toBe(TOKEN);
    expect((await ask('w2')).json).toEqual({ held: false, secrets: [] });
    expect((await ask('w1', { claim_token: '0'.repeat(32) })).json).toEqual({ held: false, secrets: [] });
    expect((await ask('w1', { public_key: 'AAAA' })).status).toBe(400);
    await grantSecret(context, { name: 'token', task_types: ['thread'], device_ids: [], revoke: true, by: actor() });
    expect((await ask('w1')).json.secrets[0]).toMatchObject({ problem: 'secret_not_granted' });
    end.abort();
    await ended(id);
    expect((await ask('w1')).json).toEqual({ held: false, secrets: [] });
  });
});
