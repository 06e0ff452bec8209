// Each function that is executed here goes to the process as text: it uses nothing of this file.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { deathSignal, FIXTURES, PATH } from '../../../../fixtures/handlers/command.ts';
import {
  type ProcessesMore,
  type ProcessScene,
  processScene,
  testProcesses,
} from '../../../../fixtures/handlers/process.ts';
import { buildThreads } from '../../../../fixtures/handlers/thread.ts';
import { until } from '../../../../helpers/wait.ts';
import { folder } from '../../config/config-folder.ts';

beforeAll(buildThreads, 300_000);
async function open(more: ProcessesMore = {}): Promise<ProcessScene> {
  const scene = await processScene(more);
  onTestFinished(() => scene.processes.stop());
  return scene;
}

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
    const scene = await open();
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
    const scene = await open();
    await scene.execute(() => {
      setTimeout(() => {
        throw new Error('left behind');
      }, 300);
      return 'gone by then';
    });
    expect(await scene.execute(() => new Promise(() => {}))).toEqual({ kind: 'released', cause: 'handler_process' });
  });

  it('the end of an idle process is a warning, and the next attempt has another', async () => {
    const scene = await open();
    const gate = join(folder(), 'open');
    const attempt = testAttempt({ task_data: { gate } });
    const outcome = await scene.execute(({ task_data }) => {
      const { existsSync } = process.getBuiltinModule('node:fs');
      setInterval(() => existsSync(task_data.gate as string) && process.exit(3), 5);
    }, attempt);
    expect(outcome).toMatchObject({ kind: 'done' });
    writeFileSync(gate, '');
    const warning = /of sync_data ended between attempts: .*process\.exit\(3\)/;
    await vi.waitFor(() => expect(scene.warnings).toEqual([expect.stringMatching(warning)]), 20_000);
    expect(await answers(scene)).toEqual(well);
  });

  it('takes with it what the attempt had started, and a handler that ignores its abort too', async () => {
    const scene = await open();
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
  it('and have one attempt at a time', async () => {
    const scene = await open();
    const first = await pidOf(scene);
    expect(await pidOf(scene)).toBe(first);
    const pids = await Promise.all([pidOf(scene), pidOf(scene), pidOf(scene)]);
    expect(new Set(pids).size).toBe(3);
    expect(pids).toContain(first);
  });

  it('until they have run so many', async () => {
    const scene = await open({ recycle: { tasks: 2, memory: 2 ** 40 } });
    const [first, second, third] = [await pidOf(scene), await pidOf(scene), await pidOf(scene)];
    expect([second === first, third === first]).toEqual([true, false]);
    await gone(first);
  });

  it('until they hold so much memory', async () => {
    const scene = await open({ recycle: { tasks: 1000, memory: 300 * 1024 ** 2 } });
    const first = await pidOf(scene);
    expect(await pidOf(scene)).toBe(first);
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
    expect([await pid('b'), await pid('c')]).toEqual([b, c]);
    const a = await pid('a');
    await gone(b);
    expect([await pid('c'), await pid('a')]).toEqual([c, a]);
    await processes.stop();
    expect([exists(a), exists(c)]).toEqual([false, false]);
  });
});

describe('what is printed in a process', () => {
  it('comes with its attempt, whoever printed it, before its end', async () => {
    const scene = await open();
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
    expect([...out('stdout').slice(0, 2), out('stdout').at(-1)]).toEqual([
      'by the module',
      'by native code',
      'the end',
    ]);
    expect(out('stdout')).toHaveLength(103);
  });
});

describe('a process knows nothing of the worker', () => {
  it('but what a command has, and its task', async () => {
    const scene = await open({ env: { PATH, GIVEN: '1' } });
    const outcome = await scene.execute(() => {
      const { readFileSync } = process.getBuiltinModule('node:fs');
      return {
        env: Object.keys(process.env).sort(),
        argv: readFileSync('/proc/self/cmdline', 'utf8'),
        send: typeof process.send,
      };
    });
    expect(outcome).toMatchObject({ result: { env: ['GIVEN', 'PATH'], send: 'undefined' } });
    const { claim_token } = testAttempt();
    expect(JSON.stringify(outcome)).not.toContain(claim_token);
  });

  it.each([
    ['by the kernel', deathSignal],
    ['by the end of its channel', []],
  ])('and ends with it %s', async (_name, death_signal) => {
    const worker = spawn(process.execPath, ['--input-type=module', '-e', WORKER], {
      env: { OPTIONS: JSON.stringify({ base_dir: FIXTURES, PATH, death_signal }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(await firstLine(worker));
    expect(exists(pid)).toBe(true);
    worker.kill('SIGKILL');
    await gone(pid);
  });
});

const DIST = new URL('../../../../../dist/core/handlers/process/handler-processes.js', import.meta.url).href;
/** A worker that tells the pid of its one process, and stays. */
const WORKER = `
import { HandlerProcesses } from ${JSON.stringify(DIST)};
const { base_dir, PATH, death_signal } = JSON.parse(process.env.OPTIONS);
const recycle = { tasks: 10, memory: 2 ** 40 };
const module = { task_type: 'a', module: 'where.mjs', timeout: undefined, env: { PATH }, cwd: base_dir, recycle };
const log = { debug() {}, info() {}, warn() {}, error() {} };
const processes = new HandlerProcesses({
  modules: [module], base_dir, kill_grace: 1, most: 1, death_signal, hidden: [], onWarning() {}, logOf: () => log,
});
await processes.start();
const task = { task_id: 1, task_type: 'a', task_data: {}, priority: 5, timeout: 30, retry_count: 0, attempt: 1 };
const attempt = { task, device_id: 'w', claim_token: '', aborted() {}, onAbort() {}, log };
const { result } = await processes.handlers.get('a').execute(attempt);
console.log(result.pid);
`;

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of stdout!) {
    text += chunk;
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'));
  }
  throw new Error(`it ended without a line: ${text}`);
}
