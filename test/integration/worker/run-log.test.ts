// What attempts print and log, in the database. How it is written, bounded and put into files: unit/core/worker/log/run-logs.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import { attemptLog } from '../../../src/core/db/logs/read-log.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { decodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import { type LoadedHandlers, loadHandlers } from '../../../src/core/worker/load-handlers.ts';
import { silentLog } from '../../fixtures/handlers/attempt.ts';
import { PATH } from '../../fixtures/handlers/command.ts';
import { stopWorkers } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';
import { it, type Work } from '../../helpers/worked-tasks.ts';

const MODULE = `
export default async (task, ctx) => {
  const { do: what, ...data } = task.task_data;
  console.log('to stdout of', data.app_id);
  ctx.log.warn('to ctx.log', { rows: 3, password: 'under-a-telling-name' });
  console.error('to stderr');
  if (data.password) console.log('the payload has', data.password);
  if (what === 'throw') throw new TypeError('broken page');
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
case "$1" in fail) exit 1;;
events) say() { printf "$@" >&$AFD_EVENTS_FD; }
  say '{"type":"log","level":"warn","message":"the token is %s","rows":3,"password":"under-a-telling-name"}\\n' "$API_TOKEN"
  say '{"type":"enqueue","task":{"task_type":"nobody","app_id":"from-an-event"}}\\n'; say '{"type":"result","value":{"rows":3}}\\n';;
esac`;

let loaded: LoadedHandlers;
let dir: string;

const exec = (...words: string[]) => ({ exec: ['./says.sh', ...words], env: { API_TOKEN: 'canary-of-the-env' } });
const CONFIGURED = {
  main: { module: 'says.mjs', isolation: 'none' },
  thread: { module: 'says.mjs', isolation: 'thread' },
  process: { module: 'says.mjs', isolation: 'process' },
  command: exec('well'),
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

beforeEach(async () => {
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

const start = ({ start: one }: Work, env = {}) =>
  one({ handlers: Object.fromEntries(loaded.handlers), configured: CONFIGURED, env });
const add = ({ add: one }: Work, task_type: string, task_data: object = {}) =>
  one({ task_type, task_data: JSON.stringify(task_data), max_retry_count: 0 });

async function texts({ session, names }: Work, task_id: number): Promise<string[]> {
  const pieces = await attemptLog(session, names, { task_id, attempt: 1 }, 0);
  return pieces.flatMap(({ body }) =>
    decodeLines(inflateRawSync(body).toString()).map(({ source, text }) => `${source}: ${text}`),
  );
}

/** Runs one task of that type. Returns its log, and its id. */
async function logOf(work: Work, task_type: string, status = 'done', task_data: object = {}) {
  start(work);
  const id = await add(work, task_type, task_data);
  await work.ended(id, status);
  await stopWorkers();
  return { id, lines: await texts(work, id) };
}

describe('the run log of an attempt', () => {
  it.for(['thread', 'process'])('has what a module prints and logs (%s)', async (isolation, { work }) => {
    const { lines } = await logOf(work, isolation, 'done', { app_id: 'a1', password: 'canary-of-the-payload' });
    const printed = [
      'stdout: to stdout of a1',
      'warn: to ctx.log {"rows":3,"password":"***"}',
      'stderr: to stderr',
      'stdout: the payload has ***',
    ];
    // Log lines and the two streams of a process come on ways of their own: each is in order.
    if (isolation === 'thread') expect(lines).toEqual(printed);
    else expect(lines.sort()).toEqual(printed.sort());
  });

  it('has what a command prints, without its claim token and the secrets of its environment', async ({ work }) => {
    const { id, lines } = await logOf(work, 'command');
    expect(lines.filter((one) => one.startsWith('stderr')).join()).toBe('stderr: to stderr');
    expect(lines.filter((one) => one.startsWith('stdout')).sort()).toEqual([
      'stdout: AFD_CLAIM_TOKEN=***',
      'stdout: API_TOKEN=***',
      `stdout: to stdout of ${id}`,
      'stdout: without an end',
    ]);
  });

  it('has what a command logs in events, masked; its result and tasks are stored with its completion', async ({
    work,
  }) => {
    const { id, lines } = await logOf(work, 'events');
    expect(lines.filter((one) => !one.startsWith('std'))).toEqual([
      'warn: the token is *** {"rows":3,"password":"***"}',
    ]);
    const [attempt] = await work.attempts(id);
    expect([attempt!.status, JSON.parse(String(attempt!.result))]).toEqual(['completed', { rows: 3 }]);
    const next = await work.session.rows(`SELECT app_id FROM ${work.names.task} WHERE task_type = 'nobody'`);
    expect(next).toEqual([{ app_id: 'from-an-event' }]);
  });

  it('has the stack of what a module throws', async ({ work }) => {
    const { lines } = await logOf(work, 'main', 'failed', { do: 'throw' });
    expect(lines).toContain('debug: the handler threw');
    expect(lines).toContain('debug: TypeError: broken page');
    expect(lines.some((one) => /^debug: {5}at .*says\.mjs:8/.test(one))).toBe(true);
  });

  it('is not written for a type that has none, nor for one that keeps it on failure and completes', async ({
    work,
  }) => {
    start(work);
    // Claimed together: the end of one command is no end of another.
    const [off, quiet, failing] = [await add(work, 'off'), await add(work, 'quiet'), await add(work, 'failing')];
    await work.ended([off, quiet]);
    await work.ended(failing, 'failed');
    await stopWorkers();
    expect([await texts(work, off), await texts(work, quiet)]).toEqual([[], []]);
    expect(await texts(work, failing)).toContain('stderr: to stderr');
  });

  it('a secret of the payload, the environment or the worker appears nowhere, whichever way a handler says it', async ({
    work,
  }) => {
    const worker = start(work, { OTHER_PASSWORD: 'canary-of-the-worker' });
    const canaries = ['canary-of-the-payload', 'canary-of-the-env', 'canary-of-the-worker'];
    const ids = [
      await add(work, 'leaks', { password: canaries[0], also: canaries }),
      await add(work, 'leaking'),
    ] as const;
    await work.ended([...ids], 'failed');
    await stopWorkers();
    const { session, names } = work;
    const all = JSON.stringify([
      await session.rows(`SELECT last_error FROM ${names.task}`),
      await session.rows(`SELECT error_message FROM ${names.assignment}`),
      await session.rows(`SELECT message FROM ${names.progress}`),
      ...[await texts(work, ids[0]), await texts(work, ids[1]), worker.context.lines],
    ]);
    expect(all).toContain('login failed with ***');
    expect(all).toContain('reading with ***');
    for (const one of canaries) expect(all).not.toContain(one);
  });

  it('says who took the task from its device, and why', async ({ work }) => {
    start(work);
    const id = await add(work, 'endless');
    await until(async () => (await work.attempts(id))[0]?.status === 'running', 20_000, 'it runs');
    await cancelTask(work.session, work.names, id, { by: 'alice@ops: wrong day' });
    await work.ended(id, 'cancelled');
    await stopWorkers();
    const why = 'afd: The attempt was revoked by alice@ops: wrong day; the worker ends it.';
    expect(await texts(work, id)).toContain(why);
  });
});
