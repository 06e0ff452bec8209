import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import { taskAttempts } from '../../../src/core/db/logs/logged-attempts.ts';
import { attemptLog } from '../../../src/core/db/logs/read-log.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { decodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import { taskLog } from '../../../src/core/logs/task-log.ts';
import { type LoadedHandlers, loadHandlers } from '../../../src/core/worker/load-handlers.ts';
import { silentLog } from '../../fixtures/handlers/attempt.ts';
import { PATH } from '../../fixtures/handlers/command.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

const MODULE = `
export default async (task, ctx) => {
  const { do: what, ...data } = task.task_data;
  console.log('to stdout of', data.app_id);
  ctx.log.warn('to ctx.log', { rows: 3, password: 'under-a-telling-name' });
  console.error('to stderr');
  if (data.password) console.log('the payload has', data.password);
  if (what === 'throw') throw new TypeError('broken page');
  if (what === 'flood') for (let n = 0; n < 200000; n += 1) console.log('line', n, 'x'.repeat(40));
};`;
const LEAKS = `export default async (task, ctx) => {
  for (const one of task.task_data.also) {
    console.log('printed', one);
    ctx.log.info('logged ' + one, { url: 'https://host.example/?key=' + one });
    ctx.progress(1, 2, 'reading with ' + one);
  }
  throw new Error('login failed with ' + task.task_data.also.join());
};`;
const SCRIPT = `#!/bin/sh
echo "to stdout of $AFD_TASK_ID"; echo "to stderr" >&2; env | grep -E 'AFD_CLAIM_TOKEN|API_TOKEN'
printf 'without an end'
case "$1" in flood) i=0; while [ $i -lt 40000 ]; do echo "line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; i=$((i+1)); done; echo last;; fail) exit 1;;
events) say() { printf "$@" >&$AFD_EVENTS_FD; }
  say '{"type":"log","level":"warn","message":"the token is %s","rows":3,"password":"under-a-telling-name"}\\n' "$API_TOKEN"
  say '{"type":"enqueue","task":{"task_type":"nobody","app_id":"from-an-event"}}\\n'; say '{"type":"result","value":{"rows":3}}\\n';;
esac`;

let db: TestDatabase;
let session: Session;
let loaded: LoadedHandlers;
let dir: string;

const exec = (...words: string[]) => ({ exec: ['./says.sh', ...words], env: { API_TOKEN: 'canary-of-the-env' } });
const CONFIGURED = {
  main: { module: 'says.mjs', isolation: 'none' },
  thread: { module: 'says.mjs', isolation: 'thread' },
  process: { module: 'says.mjs', isolation: 'process' },
  command: exec('well'),
  flood: exec('flood'),
  events: exec('events'),
  leaks: { module: 'leaks.mjs', isolation: 'thread' },
  leaking: {
    exec: ['sh', '-c', 'echo "$API_TOKEN"; echo "login failed with $API_TOKEN" >&2; exit 1'],
    env: { API_TOKEN: 'canary-of-the-env' },
  },
  endless: { exec: ['sleep', '1000'] },
  off: { ...exec('well'), run_log: 'off' },
  failing: { ...exec('fail'), run_log: 'on-failure' },
  quiet: { ...exec('well'), run_log: 'on-failure' },
};
const HANDLERS = configSchema.parse({ handlers: CONFIGURED }).handlers;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  dir = mkdtempSync(join(tmpdir(), 'afd-test-'));
  writeFileSync(join(dir, 'says.mjs'), MODULE);
  writeFileSync(join(dir, 'leaks.mjs'), LEAKS);
  writeFileSync(join(dir, 'says.sh'), SCRIPT, { mode: 0o755 });
  loaded = await loadHandlers({
    ...{ handlers: HANDLERS, supported_tasks: undefined, base_dir: dir, env: { PATH }, kill_grace: 1 },
    ...{ slots: 5, onWarning: () => {}, logOf: () => silentLog },
  });
});
afterEach(async () => {
  await stopWorkers();
  await loaded.close();
  rmSync(dir, { recursive: true });
});

const start = (more: object = {}) =>
  startWorker(db, { handlers: Object.fromEntries(loaded.handlers), configured: CONFIGURED, ...more });
const add = (task_type: string, task_data: object = {}) =>
  insertTask(session, db.names, { task_type, task_data: JSON.stringify(task_data), max_retry_count: 0 });
const over = (id: number) =>
  until(
    async () => {
      const [row] = await session.rows(`SELECT status FROM ${db.names.task} WHERE id = ?`, [id]);
      return row!.status === 'done' || row!.status === 'failed' || row!.status === 'cancelled';
    },
    20_000,
    `task ${id} is over`,
  );

async function pieces(task_id: number, attempt = 1) {
  const found = [];
  for (let from = 0; ; ) {
    const page = await attemptLog(session, db.names, { task_id, attempt }, from);
    if (page.length === 0) return found;
    found.push(...page);
    from = page.at(-1)!.from_byte + 1;
  }
}
const lines = async (id: number) =>
  (await pieces(id)).flatMap((one) => decodeLines(inflateRawSync(one.body).toString()));
const texts = async (id: number) => (await lines(id)).map((one) => `${one.source}: ${one.text}`);

const withoutColon = (line: string) => line.replace(': ', ' ');
const isWarning = ({ name, data }: { name: string; data: unknown }, text: string) =>
  name === 'warning' && (data as { message: string }).message.includes(text);

describe('the run log of an attempt', () => {
  it('has what a module prints and logs', async () => {
    start();
    const id = await add('thread', { app_id: 'a1', password: 'canary-of-the-payload' });
    await over(id);
    await stopWorkers();
    expect(await texts(id)).toEqual([
      'stdout: to stdout of a1',
      'warn: to ctx.log {"rows":3,"password":"***"}',
      'stderr: to stderr',
      'stdout: the payload has ***',
    ]);
  });

  it('has what a module in a process prints and logs', async () => {
    start();
    const id = await add('process', { app_id: 'a1', password: 'canary-of-the-payload' });
    await over(id);
    await stopWorkers();
    // Log lines and the two streams come on ways of their own: each is in order.
    expect((await texts(id)).sort()).toEqual([
      'stderr: to stderr',
      'stdout: the payload has ***',
      'stdout: to stdout of a1',
      'warn: to ctx.log {"rows":3,"password":"***"}',
    ]);
  });

  it('has what a command prints, without its claim token and the secrets of its environment', async () => {
    start();
    const id = await add('command');
    await over(id);
    await stopWorkers();
    const all = await texts(id);
    expect(all.filter((one) => one.startsWith('stderr')).join()).toBe('stderr: to stderr');
    expect(all.filter((one) => one.startsWith('stdout')).sort()).toEqual([
      'stdout: AFD_CLAIM_TOKEN=***',
      'stdout: API_TOKEN=***',
      `stdout: to stdout of ${id}`,
      'stdout: without an end',
    ]);
  });

  it('has what a command logs in events, masked; its result and tasks are stored with its completion', async () => {
    start();
    const id = await add('events');
    await over(id);
    await stopWorkers();
    const all = await texts(id);
    expect(all.filter((one) => !one.startsWith('std'))).toEqual(['warn: the token is *** {"rows":3,"password":"***"}']);
    const [row] = await session.rows(`SELECT status, result FROM ${db.names.assignment} WHERE task_id = ?`, [id]);
    expect([row!.status, JSON.parse(String(row!.result))]).toEqual(['completed', { rows: 3 }]);
    const [next] = await session.rows(`SELECT app_id FROM ${db.names.task} WHERE task_type = 'nobody'`);
    expect(next).toEqual({ app_id: 'from-an-event' });
  });

  it('has the stack of what a module throws', async () => {
    start();
    const id = await add('main', { do: 'throw' });
    await over(id);
    await stopWorkers();
    const all = await texts(id);
    expect(all).toContain('debug: the handler threw');
    expect(all).toContain('debug: TypeError: broken page');
    expect(all.some((one) => /^debug: {5}at .*says\.mjs:8/.test(one))).toBe(true);
  });

  it('keeps the beginning and the newest of what exceeds the quota', async () => {
    start({ worker: { run_log_bytes: 65_536 } });
    const id = await add('flood');
    await over(id);
    await stopWorkers();
    const found = await pieces(id);
    const all = await texts(id);
    expect(all[0]).toBe(`stdout: to stdout of ${id}`);
    expect(all.at(-1)).toBe('stdout: last');
    const kept = found.reduce((sum, one) => sum + one.to_byte - one.from_byte, 0);
    // The quota, and what of the first and the last piece is beyond it: each has up to 64 KiB, and what was read with its last line.
    expect(kept).toBeLessThan(65_536 * 5);
    expect(found.some((one, n) => n > 0 && one.from_byte > found[n - 1]!.to_byte)).toBe(true);
  });

  it('is bounded for a module that prints without pause', async () => {
    start({ worker: { run_log_bytes: 65_536 } });
    const id = await add('thread', { do: 'flood' });
    await over(id);
    await stopWorkers();
    const all = await texts(id);
    expect(all.at(-1)).toMatch(/^stdout: line 199999 x+$/);
    expect(all.length).toBeLessThan(10_000);
  });

  it('is not written for a type that has none, nor for one that keeps it on failure and completes', async () => {
    start();
    // Claimed together: the end of one command is no end of another.
    const [off, quiet, failing] = [await add('off'), await add('quiet'), await add('failing')];
    for (const id of [off, quiet, failing]) await over(id);
    await stopWorkers();
    expect(await pieces(off)).toEqual([]);
    expect(await pieces(quiet)).toEqual([]);
    expect(await texts(failing)).toContain('stderr: to stderr');
  });

  it('a secret of the payload, the environment or the worker appears nowhere, whichever way a handler says it', async () => {
    const worker = start({ env: { OTHER_PASSWORD: 'canary-of-the-worker' } });
    const canaries = ['canary-of-the-payload', 'canary-of-the-env', 'canary-of-the-worker'];
    const ids = [await add('leaks', { password: canaries[0], also: canaries }), await add('leaking')];
    for (const id of ids) await over(id);
    await stopWorkers();
    const { task, assignment, progress } = db.names;
    const stored = [
      ...(await session.rows(`SELECT last_error FROM ${task}`)),
      ...(await session.rows(`SELECT error_message FROM ${assignment}`)),
      ...(await session.rows(`SELECT message FROM ${progress}`)),
      ...(await texts(ids[0]!)),
      ...(await texts(ids[1]!)),
      ...worker.context.lines,
    ];
    const all = JSON.stringify(stored);
    expect(all).toContain('login failed with ***');
    expect(all).toContain('reading with ***');
    for (const one of canaries) expect(all).not.toContain(one);
  });

  it('is in a file too, where a folder for it is named, up to its limit and without secrets', async () => {
    const folder = join(dir, 'logs');
    start({ worker: { run_log_folder: folder, run_log_bytes: 65_536 } });
    const [id, flood] = [await add('thread', { app_id: 'a1', password: 'canary-of-the-payload' }), await add('flood')];
    for (const one of [id, flood]) await over(one);
    await stopWorkers();
    const text = readFileSync(join(folder, `${id}-1.log`), 'utf8');
    expect(text.split('\n').map((line) => line.slice(25))).toEqual([...(await texts(id)).map(withoutColon), '']);
    const long = readFileSync(join(folder, `${flood}-1.log`), 'utf8');
    expect(long).toMatch(/This file is full; afd logs shows the rest\.\n$/);
    expect(long.length).toBeLessThan(200_000);
  });

  it('is complete in the database although its files cannot be written', async () => {
    writeFileSync(join(dir, 'no-folder'), '');
    const worker = start({ worker: { run_log_folder: join(dir, 'no-folder') } });
    const id = await add('thread', { app_id: 'a1' });
    await over(id);
    await stopWorkers();
    expect(await texts(id)).toHaveLength(3);
    expect(worker.seen.filter((one) => isWarning(one, 'files of run logs cannot be written')).length).toBeGreaterThan(
      0,
    );
  });

  it('says who took the task from its device, and why', async () => {
    const worker = start();
    const id = await add('endless');
    await until(() => worker.seen.some((one) => one.name === 'task:started'), 20_000, 'it runs');
    await until(
      async () => (await taskAttempts(session, db.names, id, 1)).attempts[0]?.status === 'running',
      20_000,
      'its row',
    );
    await cancelTask(session, db.names, id, { by: 'alice@ops: wrong day' });
    await over(id);
    await stopWorkers();
    expect(await texts(id)).toContain('afd: The attempt was revoked by alice@ops: wrong day; the worker ends it.');
  });

  it('loses no line and has none twice when its connection is cut while it is written', async () => {
    let cuts = 0;
    start({
      onSession(one: Session) {
        const batch = one.batch.bind(one);
        one.batch = async (statements) => {
          if (!statements.some(({ sql }) => sql.startsWith(`INSERT INTO ${db.names.log}`))) return batch(statements);
          cuts += 1;
          // First before the statement, then after it, when nobody knows whether it was done.
          if (cuts > 2) return batch(statements);
          if (cuts === 2) await batch(statements);
          one.destroy();
          throw new Error('the connection was cut');
        };
      },
    });
    const id = await add('thread', { app_id: 'a1' });
    await over(id);
    await until(() => cuts === 2, 20_000, 'the log was written twice');
    await until(async () => (await texts(id)).length === 3, 20_000, 'all lines');
    await stopWorkers();
    expect(await texts(id)).toHaveLength(3);
  });

  it('waits in a bounded buffer while the database is away, and the count of what was dropped is named', async () => {
    let away = true;
    const worker = start({
      worker: { run_log_bytes: 65_536 },
      onSession(one: Session) {
        const batch = one.batch.bind(one);
        one.batch = async (statements) => {
          if (!away || !statements.some(({ sql }) => sql.startsWith(`INSERT INTO ${db.names.log}`)))
            return batch(statements);
          throw new Error('the database is away');
        };
      },
    });
    const id = await add('flood');
    await over(id);
    await until(() => worker.seen.some((one) => isWarning(one, 'the database is away')), 20_000, 'the warning');
    expect(await pieces(id)).toEqual([]);
    away = false;
    await until(async () => (await texts(id)).at(-1) === 'stdout: last', 20_000, 'the last line');
    const entries = [];
    const signal = new AbortController().signal;
    for await (const one of taskLog(worker.context, { task_id: id, follow: false, signal })) entries.push(one);
    const gaps = entries.flatMap((one) => (one.kind === 'gap' ? [one.dropped_bytes] : []));
    // 40,000 lines of about 50 bytes, of which 64 KB are kept.
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toBeGreaterThan(1_500_000);
    expect(worker.seen.filter((one) => isWarning(one, 'run logs'))).toHaveLength(1);
  });
});
