// RB9: nine secrets, each of which a handler prints, logs, reports and throws in every way it can, and twelve ways
// out of afd. What a handler stores on purpose where it is read again (a payload, a result, a checkpoint) is not among them:
// docs/guide/security.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newApiKey } from '../../../src/core/access/api-key.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { tableNames } from '../../../src/core/db/table-names.ts';
import { newKey } from '../../../src/core/secrets/fleet-key.ts';
import { newSecret } from '../../../src/core/webhooks/send/signature.ts';
import { addressOf, type TestDatabase } from '../../helpers/database.ts';
import { OF_PROCESSES } from '../../helpers/fast.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { testContext } from '../../helpers/node.ts';
import { receiver } from '../../helpers/receiver.ts';
import { sessionOf } from '../../helpers/schema-of.ts';
import { storeSecrets } from '../../helpers/secrets.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

const options = skipBecause(NO_PRIVATE_SERVER, 'mysqld');
const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
let server: PrivateServer;
let session: Session;
beforeAll(async () => {
  if (NO_PRIVATE_SERVER !== undefined) return;
  server = await privateServer();
  session = sessionOf(addressOf(server.url), { idleTimeoutS: 3600, deadlineMs: 30_000 });
  await session.ready();
});
afterAll(async () => {
  await session?.close();
  await server?.stop();
});

/** Says everything that is in its file and its task, in every way that a module has. */
const LEAK = `import { readFileSync } from 'node:fs';
export default async (task, ctx) => {
  const all = { ...JSON.parse(readFileSync(process.env.LEAK_FILE, 'utf8')), stored: task.task_data.account };
  const values = Object.values(all);
  for (const one of values) {
    console.log('out', one); console.error('err', JSON.stringify({ text: one }));
    // Of an address and a header of some page nobody knows the value: they are found as they stand.
    if (!/shop.example|HTTP|Basic/.test(one)) console.log('url', encodeURIComponent(one));
    if (one === all.password || one === all.variable || one === all.stored)
      console.log('base64', Buffer.from('user:' + one).toString('base64'));
    ctx.log.warn('says ' + one, { ['key ' + one]: one, deep: [{ text: 'has ' + one }] });
    ctx.progress(1, 2, 'at ' + one);
    console.log('x'.repeat(8180) + one);
  }
  await new Promise((resolve) => setTimeout(resolve, 1500));
  throw Object.assign(new Error('failed: ' + values.join(' ')), { cause: new Error(values.join(', ')) });
};`;
const SPILL = `#!/bin/sh
cat "$LEAK_FILE"; env; echo "password is $SITE_PASSWORD" >&2; cat "$LEAK_FILE" >&2; cat >&2
printf '{"type":"log","level":"warn","message":"by event: %s"}\\n' "$SITE_PASSWORD $AFD_CLAIM_TOKEN" >&7
printf '{"type":"progress","done":1,"total":2,"message":"%s"}\\n' "$AFD_CLAIM_TOKEN" >&7
sleep 1; echo "the claim token is $AFD_CLAIM_TOKEN, $(printf %s "$SITE_PASSWORD" | base64)" >&2; exit 3
`;
const QUIET = 'cat /proc/self/environ /proc/self/cmdline > quiet.txt';

it('RB9 nine secrets come out of none of twelve ways', { ...options, timeout: MINUTES }, async (test) => {
  const hooks = await receiver();
  test.onTestFinished(() => hooks.close());
  const kek = newKey();
  const canaries = {
    'password of the database': decodeURIComponent(new URL(server.url).password),
    'API key': newApiKey().text,
    'value of afd secrets': 'canary-stored/"quoted"&value',
    'key of the fleet': kek.line.split(' ')[2]!,
    'secret of a webhook': newSecret(),
    'variable of a handler': 'canary-of-handler-env',
    'password in an address': 'canary-in-address',
    'cookie and authorization header of a page': 'canary-of-a-header',
  };
  const leak = {
    password: canaries['password of the database'],
    key: canaries['API key'],
    kek: kek.line,
    webhook: canaries['secret of a webhook'],
    variable: canaries['variable of a handler'],
    address: `https://crawler:${canaries['password in an address']}@shop.example/a`,
    page: `HTTP/1.1 200\nSet-Cookie: sid=${canaries['cookie and authorization header of a page']}; Path=/`,
    request: `> Authorization: Basic ${canaries['cookie and authorization header of a page']} x`,
  };
  const LEAK_FILE = `${'$'}{LEAK_FILE}`;
  const config = {
    database: { url: server.url },
    master: { ...OF_PROCESSES.master, api_key: leak.key, webhook_networks: ['127.0.0.0/8'] },
    worker: OF_PROCESSES.worker,
    secrets: { key_file: 'fleet.key' },
    handlers: {
      leak: { module: './leak.mjs', isolation: 'thread' },
      spill: { exec: ['sh', 'spill.sh'], env: { SITE_PASSWORD: leak.variable, LEAK_FILE, TOKEN: 'secret:account' } },
      quiet: { exec: ['sh', 'quiet.sh'] },
    },
    log: { level: 'debug', format: 'json' },
  };
  const files = {
    ...{ 'afd.yaml': JSON.stringify(config), 'leak.mjs': LEAK, 'spill.sh': SPILL, 'quiet.sh': QUIET },
    ...{ 'leak.json': JSON.stringify(leak), 'fleet.key': `${kek.line}\n` },
  };
  const f = await fleet(test, { url: server.url }, { files });
  const ok = async (words: string) => {
    const run = await f.run(...words.split(' '));
    expect([words, run.code, run.code === 0 ? '' : run.stderr]).toEqual([words, 0, '']);
    return run.stdout + run.stderr;
  };
  await ok('migrate up');
  const context = testContext({ address: addressOf(server.url) } as TestDatabase, {
    secrets: { key_file: join(f.dir, 'fleet.key') },
  });
  await storeSecrets(context, { account: canaries['value of afd secrets'] }, ['leak', 'spill']);
  await context.close();
  const env = { LEAK_FILE: join(f.dir, 'leak.json') };
  const gateway = await f.serve({ env });
  const post = await fetch(`${gateway.url}/api/v1/webhooks`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ url: hooks.url, event_types: ['task.failed'], secret: leak.webhook }),
  });
  expect(post.status).toBe(201);
  const stopping = new AbortController();
  test.onTestFinished(() => stopping.abort());
  let events = '';
  const stream = await fetch(`${gateway.url}/api/v1/events`, { signal: stopping.signal });
  const reading = (async () => {
    for await (const part of stream.body!) events += Buffer.from(part).toString('utf8');
  })().catch(() => {});
  const worker = f.start('worker', { deviceId: 'w1', env });
  await worker.event('worker:started');
  const ids: number[] = [];
  for (const type of ['leak', 'spill', 'quiet']) {
    const data = JSON.stringify({ account: 'secret:account' });
    const sql = `INSERT INTO ${names.task} (task_type, task_data, max_retry_count) VALUES (?, ?, 0)`;
    ids.push((await session.write(sql, [type, type === 'quiet' ? '{}' : data])).insertId);
  }
  const tokens = new Set<string>();
  const over = async () => {
    const rows = await session.rows(`SELECT status, HEX(claim_token) AS token FROM ${names.task}`);
    const held = await session.rows(`SELECT HEX(claim_token) AS token FROM ${names.assignment}`);
    for (const { token } of [...rows, ...held]) if (token !== null) tokens.add(token.toLowerCase());
    return rows.every(({ status }) => status === 'done' || status === 'failed');
  };
  await until(over, PATIENCE_MS, 'the end of the tasks');
  expect(tokens.size).toBeGreaterThan(0);
  await until(() => hooks.received.length >= 2, PATIENCE_MS, 'both webhooks');
  await until(() => ids.slice(0, 2).every((id) => events.includes(`"${id}"`)), PATIENCE_MS, 'the events');
  const rowsOf = async (table: string) => JSON.stringify(await session.rows(`SELECT * FROM ${table}`));
  const logs = await until(async () => {
    const rows = await session.rows(`SELECT task_id, body FROM ${names.log}`);
    return rows.length >= 2 && rows.map(({ body }) => inflateRawSync(body).toString('utf8')).join('');
  }, PATIENCE_MS);
  const shown = async (...args: string[]) =>
    (await Promise.all(ids.map((id) => f.run(...args, String(id))))).map((one) => one.stdout + one.stderr).join();
  const paths = ids.flatMap((id) => [`tasks/${id}`, `tasks/${id}/logs`]);
  const answers = await Promise.all(
    [...paths, 'tasks', 'fleet', 'webhooks', 'tasks/none', 'tasks/999999'].map(async (path) =>
      (await fetch(`${gateway.url}/api/v1/${path}`)).text(),
    ),
  );
  const tables = [names.task, names.assignment, names.progress, names.taskEnd, names.device, names.secret];
  const quiet = readFileSync(join(f.dir, 'quiet.txt'), 'utf8');
  const ways: Record<string, string> = {
    'log of the worker': worker.output,
    'log of the gateway': gateway.process.output,
    'run log in the database': logs,
    'afd logs': (await shown('logs')) + (await shown('logs', '--json')),
    'afd tasks show': await shown('tasks', 'show'),
    'afd tasks show --json': (await shown('tasks', 'show', '--json')) + (await ok('tasks ls --json')),
    'stream of events': events,
    'answers and problem documents over HTTP': answers.join('\n'),
    'last_error and other columns': (await Promise.all(tables.map(rowsOf))).join('\n'),
    'webhook and its delivery log':
      hooks.received.map((one) => JSON.stringify(one)).join() + (await rowsOf(names.webhookDelivery)),
    'afd config show, status, secrets ls': (
      await Promise.all(['config show', 'config show --json', 'status --json', 'secrets ls --json'].map(ok))
    ).join('\n'),
    'environment and command line of a handler that needs none': quiet.replace(/AFD_CLAIM_TOKEN=[0-9a-f]+/, ''),
  };
  expect(Object.keys(ways)).toHaveLength(12);
  for (const [way, text] of Object.entries(ways)) expect(text.length, way).toBeGreaterThan(20);
  // What is hidden was said: else the test proves nothing.
  expect(ways['run log in the database']).toContain('***');
  expect(ways['log of the worker']).toContain('***');
  stopping.abort();
  await reading;
  const found: string[] = [];
  const values = Object.entries({
    ...canaries,
    ...Object.fromEntries([...tokens].map((one) => [`claim ${one}`, one])),
  });
  for (const [name, value] of values) {
    const base64 = Buffer.from(`user:${value}`).toString('base64').slice(8, -4);
    const spellings = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), base64];
    for (const [way, text] of Object.entries(ways)) {
      const at = spellings.map((one) => text.indexOf(one)).find((place) => place !== -1);
      if (at !== undefined) found.push(`${name} in ${way}: …${text.slice(Math.max(0, at - 80), at + 40)}…`);
    }
  }
  expect(found).toEqual([]);
});
