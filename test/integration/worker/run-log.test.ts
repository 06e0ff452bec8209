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

type Asked = [type: string, status: string, task_data?: object];

/** Runs these tasks, claimed together: the end of one is no end of another. Returns the id and the log of each. */
async function logsOf(work: Work, ...asked: Asked[]) {
  const ids: number[] = [];
  for (const [task_type, , task_data = {}] of asked)
    ids.push(await work.add({ task_type, task_data: JSON.stringify(task_data), max_retry_count: 0 }));
  const handlers = Object.fromEntries(loaded.handlers);
  const worker = work.start({ handlers, configured: CONFIGURED, env: { OTHER_PASSWORD: 'canary-of-the-worker' } });
  for (const [n, [task_type, status]] of asked.entries()) {
    if (task_type !== 'endless') continue;
    await until(async () => (await work.attempts(ids[n]!))[0]?.status === 'running', 20_000, 'it runs');
    expect(status).toBe('cancelled');
    await cancelTask(work.session, work.names, ids[n]!, { by: 'alice@ops: wrong day' });
  }
  for (const [n, [, status]] of asked.entries()) await work.ended(ids[n]!, status);
  await stopWorkers();
  const logs: string[][] = [];
  for (const task_id of ids) {
    const pieces = await attemptLog(work.session, work.names, { task_id, attempt: 1 }, 0);
    const lines = pieces.flatMap(({ body }) => decodeLines(inflateRawSync(body).toString()));
    logs.push(lines.map(({ source, text }) => `${source}: ${text}`));
  }
  return { ids, logs, worker };
}

describe('the run log of an attempt', () => {
  it('has what modules print and log, masked, and the stack of what one throws', async ({ work }) => {
    const data = { app_id: 'a1', password: 'canary-of-the-payload' };
    const { logs } = await logsOf(
      work,
      ['thread', 'done', data],
      ['process', 'done', data],
      ['main', 'failed', { do: 'throw' }],
    );
    const printed = [
      'stdout: to stdout of a1',
      'warn: to ctx.log {"rows":3,"password":"***"}',
      'stderr: to stderr',
      'stdout: the payload has ***',
    ];
    expect(logs[0]).toEqual(printed);
    // Log lines and the two streams of a process come on ways of their own: each is in order.
    expect(logs[1]!.sort()).toEqual(printed.sort());
    expect(logs[2]).toEqual(
      expect.arrayContaining([
        ...['debug: the handler threw', 'debug: TypeError: broken page'],
        expect.stringMatching(/^debug: {5}at .*says\.mjs:8/),
      ]),
    );
  });

  it('has what commands print and log in events, without their claim tokens and secrets', async ({ work }) => {
    const { ids, logs } = await logsOf(work, ['command', 'done'], ['events', 'done']);
    expect(logs[0]!.sort()).toEqual([
      'stderr: to stderr',
      'stdout: AFD_CLAIM_TOKEN=***',
      'stdout: API_TOKEN=***',
      `stdout: to stdout of ${ids[0]}`,
      'stdout: without an end',
    ]);
    expect(logs[1]).toContain('warn: the token is *** {"rows":3,"password":"***"}');
    expect(JSON.parse(String((await work.attempts(ids[1]!))[0]!.result))).toEqual({ rows: 3 });
    expect(await work.count(`${work.names.task} WHERE task_type = 'nobody' AND app_id = 'from-an-event'`)).toBe(1);
  });

  it('is not written for a type that has none, nor for one that keeps it on failure and completes; says who took it', async ({
    work,
  }) => {
    const { logs } = await logsOf(
      work,
      ...([
        ['off', 'done'],
        ['quiet', 'done'],
        ['failing', 'failed'],
        ['endless', 'cancelled'],
      ] satisfies Asked[]),
    );
    expect(logs.slice(0, 2)).toEqual([[], []]);
    expect(logs[2]).toContain('stderr: to stderr');
    const why = 'afd: The attempt was revoked by alice@ops: wrong day; the worker ends it.';
    expect(logs[3]).toContain(why);
  });

  it('has no secret of the payload, the environment or the worker, nor has anything else that a handler says', async ({
    work,
  }) => {
    const canaries = ['canary-of-the-payload', 'canary-of-the-env', 'canary-of-the-worker'];
    const leaks = { password: canaries[0], also: canaries };
    const { logs, worker } = await logsOf(work, ['leaks', 'failed', leaks]);
    const { session, names } = work;
    const all = JSON.stringify([
      await session.rows(`SELECT last_error FROM ${names.task}`),
      await session.rows(`SELECT error_message FROM ${names.assignment}`),
      await session.rows(`SELECT message FROM ${names.progress}`),
      ...[logs, worker.context.lines],
    ]);
    expect(all).toContain('login failed with ***');
    expect(all).toContain('reading with ***');
    for (const one of canaries) expect(all).not.toContain(one);
  });
});
