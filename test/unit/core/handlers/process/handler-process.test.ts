// Each function that is executed here goes to the process as text: it uses nothing of this file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { FIXTURES, PATH } from '../../../../fixtures/handlers/command.ts';
import { openProcesses, type ProcessScene, testProcesses } from '../../../../fixtures/handlers/process.ts';
import { buildThreads } from '../../../../fixtures/handlers/thread.ts';
import { until } from '../../../../helpers/wait.ts';
import { folder } from '../../config/config-folder.ts';

beforeAll(buildThreads, 300_000);
const well: Outcome = { kind: 'done', result: 'well', enqueue: [] };
const answers = ({ execute }: ProcessScene) => execute(() => 'well');
const pidOf = async ({ execute }: ProcessScene) => ((await execute(() => process.pid)) as { result: number }).result;
const exists = (pid: number) => existsSync(`/proc/${pid}`);
const gone = (pid: number) => until(() => !exists(pid), 10_000, `process ${pid} is gone`);

describe('what ends a process ends one attempt', () => {
  it.each([
    ['a signal', 'SIGSEGV', /ended with signal SIGSEGV: last words$/],
    ['the kernel for want of memory', 'SIGKILL', /afd did not send/],
  ])('%s', async (_name, signal, said) => {
    const scene = await openProcesses();
    const attempt = testAttempt({ task_data: { signal } });
    const outcome = await scene.execute(({ task_data }) => {
      process.stderr.write('last words\n');
      process.kill(process.pid, task_data.signal as NodeJS.Signals);
      return new Promise(() => {});
    }, attempt);
    const error_message = expect.stringMatching(said);
    expect(outcome).toMatchObject({ kind: 'retry', error_class: `signal_${signal}`, error_message });
    expect(await answers(scene)).toEqual(well);
  });

  it('what an ended attempt left behind costs the next one no retry', async () => {
    const scene = await openProcesses();
    await scene.execute(() => {
      setTimeout(() => {
        throw new Error('left behind');
      }, 300);
      return 'gone by then';
    });
    expect(await scene.execute(() => new Promise(() => {}))).toEqual({ kind: 'released', cause: 'handler_process' });
  });

  it('the end of an idle process is a warning, and the next attempt has another', async () => {
    const scene = await openProcesses();
    const gate = join(folder(), 'open');
    await scene.execute(
      ({ task_data }) => {
        const { existsSync } = process.getBuiltinModule('node:fs');
        setInterval(() => existsSync(task_data.gate as string) && process.exit(3), 5);
      },
      testAttempt({ task_data: { gate } }),
    );
    writeFileSync(gate, '');
    const warning = /of sync_data ended between attempts: .*process\.exit\(3\)/;
    await vi.waitFor(() => expect(scene.warnings).toEqual([expect.stringMatching(warning)]), 20_000);
    expect(await answers(scene)).toEqual(well);
  });

  it('takes with it what the attempt had started, and a handler that ignores its abort too', async () => {
    const scene = await openProcesses();
    const attempt = testAttempt();
    const ended = scene.execute((_task, ctx) => {
      const { spawn } = process.getBuiltinModule('node:child_process');
      ctx.log.info(`child ${spawn('sleep', ['60']).pid}`);
      return new Promise(() => {});
    }, attempt);
    const pid = Number((await attempt.logged(/^child/)).slice(6));
    expect(exists(pid)).toBe(true);
    attempt.abort('revoked');
    expect(await ended).toEqual({ kind: 'released', cause: 'revoked' });
    await gone(pid);
  });
});

describe('processes stay for the next attempt', () => {
  it('and have one attempt at a time, until they have run so many', async () => {
    const scene = await openProcesses({ recycle: { tasks: 2, memory: 2 ** 40 } });
    const [first, second] = [await pidOf(scene), await pidOf(scene)];
    expect(second).toBe(first);
    const [third, fourth] = await Promise.all([pidOf(scene), pidOf(scene)]);
    expect(new Set([first, third, fourth]).size).toBe(3);
    await gone(first);
  });

  it('until they hold so much memory', async () => {
    const scene = await openProcesses({ recycle: { tasks: 1000, memory: 300 * 1024 ** 2 } });
    const first = await pidOf(scene);
    await scene.execute(() => {
      (globalThis as { leak?: unknown }).leak = Buffer.alloc(300 * 1024 ** 2, 1);
    });
    expect(await pidOf(scene)).not.toBe(first);
    await gone(first);
  });

  it('as many as there are slots: for another type the one that has been idle longest is ended', async () => {
    const processes = testProcesses({ a: 'where.mjs', b: 'where.mjs', c: 'where.mjs' }, { most: 2 });
    await processes.start();
    const pid = async (type: string) =>
      ((await processes.handlers.get(type)!.execute(testAttempt())) as { result: { pid: number } }).result.pid;
    const [b, c] = [await pid('b'), await pid('c')];
    const a = await pid('a');
    await gone(b);
    expect([await pid('c'), await pid('a')]).toEqual([c, a]);
    await processes.stop();
    expect([exists(a), exists(c)]).toEqual([false, false]);
  });
});

it('what is printed in a process comes with its attempt, whoever printed it, before its end', async () => {
  const scene = await openProcesses();
  const attempt = testAttempt();
  await scene.execute(() => {
    const { writeSync } = process.getBuiltinModule('node:fs');
    const { execFileSync } = process.getBuiltinModule('node:child_process');
    process.stdout.write('by the module\n');
    writeSync(1, 'by native code\n');
    execFileSync('sh', ['-c', 'echo by a program >&2'], { stdio: 'inherit' });
    process.stdout.write(`${'x'.repeat(8000)}\n`.repeat(100));
    process.stdout.write('the end');
  }, attempt);
  const out = (stream: string) =>
    attempt.lines.filter(({ fields }) => fields?.stream === stream).map(({ message }) => message);
  expect(out('stderr')).toEqual(['by a program']);
  expect(out('stdout')).toHaveLength(103);
  expect(out('stdout')).toMatchObject({ 0: 'by the module', 1: 'by native code', 102: 'the end' });
});

it('a process ends with its worker, by the end of its channel', async () => {
  const dist = new URL('../../../../../dist/core/handlers/process/handler-processes.js', import.meta.url).href;
  const source = `
    import { HandlerProcesses } from ${JSON.stringify(dist)};
    const [env, cwd] = [{ PATH: ${JSON.stringify(PATH)} }, ${JSON.stringify(FIXTURES)}];
    const module = { task_type: 'a', module: 'where.mjs', env, cwd, recycle: { tasks: 10, memory: 2 ** 40 } };
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const more = { kill_grace: 1, most: 1, death_signal: [], hidden: [], onWarning() {}, logOf: () => log };
    const processes = new HandlerProcesses({ modules: [module], base_dir: cwd, ...more });
    await processes.start();
    const task = { task_id: 1, task_type: 'a', task_data: {}, priority: 5, timeout: 30, retry_count: 0, attempt: 1 };
    const attempt = { task, device_id: 'w', claim_token: '', aborted() {}, onAbort() {}, log };
    console.log((await processes.handlers.get('a').execute(attempt)).result.pid);`;
  const worker = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(worker.stdout, 'data');
  expect(exists(Number(line))).toBe(true);
  worker.kill('SIGKILL');
  await gone(Number(line));
});
