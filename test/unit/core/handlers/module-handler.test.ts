import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AbortReason, HandlerContext } from '../../../../src/core/handlers/handler.ts';
import { functionHandler } from '../../../../src/core/handlers/module-handler.ts';
import type { HandlerFunction } from '../../../../src/core/handlers/module-loader.ts';
import { ModulePlace } from '../../../../src/core/handlers/module-place.ts';
import type { Service } from '../../../../src/core/runtime/service.ts';
import { silentLog, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { FIXTURES } from '../../../fixtures/handlers/command.ts';
import { type ProcessScene, processScene, testProcesses } from '../../../fixtures/handlers/process.ts';
import { buildThreads, type ThreadScene, testThreads, threadScene } from '../../../fixtures/handlers/thread.ts';

const inMain = (call: HandlerFunction, attempt = testAttempt()) => functionHandler(call).execute(attempt);
let scene: ThreadScene;
const loaded: Service[] = [];
const inThread = (call: HandlerFunction, attempt = testAttempt()) => scene.execute(call, attempt);
let processes: ProcessScene;
const inProcess = (call: HandlerFunction, attempt = testAttempt()) => processes.execute(call, attempt);
const loadInMain = (module: string) =>
  new ModulePlace({ base_dir: FIXTURES, logOf: () => silentLog }).load('sync_data', module);
const loadInProcess = async (module: string) => {
  const one = testProcesses(module);
  loaded.push(one);
  await one.start();
  return one.handlers.get('sync_data')!;
};
const loadInThread = async (module: string) => {
  const threads = testThreads(module);
  loaded.push(threads);
  await threads.start();
  return threads.handlers[0]!;
};
const untilAborted = ({ signal }: HandlerContext) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

beforeAll(async () => {
  await buildThreads();
  scene = await threadScene();
  processes = await processScene();
}, 120_000);
afterAll(() => Promise.all([scene.threads, processes.processes, ...loaded].map((one) => one.stop())));

describe.each([
  ['main', loadInMain],
  ['a thread', loadInThread],
  ['a process', loadInProcess],
])('loading in %s', (_home, load) => {
  it('a TypeScript module loads through jiti, with its imports', async () => {
    const handler = await load('./typed.ts');
    const outcome = await handler.execute(testAttempt({ task_data: { n: 21 }, attempt: 3 }));
    expect(outcome).toEqual({ kind: 'done', result: { doubled: 42, attempt: 3 }, enqueue: [] });
  });

  it('a JavaScript module loads natively', async () => {
    const handler = await load('plain.js');
    expect(await handler.execute(testAttempt({ task_data: { rows: 0 } }))).toMatchObject({ result: { rows: 0 } });
  });

  it.each([
    ['no-default.js', 'missing'],
    ['no-default.ts', 'missing'],
    ['object-default.js', 'of type object'],
  ])('%s, which has no default function, is refused with file and export', async (file, found) => {
    const refused = load(file);
    await expect(refused).rejects.toMatchObject({ code: 'E_HANDLER_MISSING', exitCode: 78 });
    await expect(refused).rejects.toThrow(new RegExp(`${file} must contain "export default .* is ${found}`));
  });

  it('a module that is not there is refused with its path', async () => {
    const refused = load('./gone.ts');
    await expect(refused).rejects.toMatchObject({ code: 'E_HANDLER_MISSING' });
    await expect(refused).rejects.toThrow(`${FIXTURES}/gone.ts`);
  });

  it('a module that throws while it loads is refused with what it said', async () => {
    const refused = load('throws-on-load.js');
    await expect(refused).rejects.toMatchObject({ code: 'E_CONFIG', exitCode: 78 });
    await expect(refused).rejects.toThrow(/throws-on-load\.js: no licence/);
  });
});

const HOMES: Array<[string, typeof inMain]> = [
  ['main', inMain],
  ['a thread', inThread],
  ['a process', inProcess],
];

describe.each(HOMES)('an attempt, in %s', (_home, execute) => {
  it('gives the handler its task and context', async () => {
    const attempt = testAttempt({ checkpoint: { page: 3 } });
    const { task } = attempt;
    const outcome = await execute((given, ctx) => {
      const seen = { ...given };
      const { task_id, attempt, device_id, deadline, signal } = ctx;
      return { seen, ctx: { task_id, attempt, device_id, aborted: signal.aborted }, deadline };
    }, attempt);
    const ctx = { task_id: 7, attempt: 2, device_id: 'worker-1', aborted: false };
    expect(outcome).toMatchObject({ kind: 'done', result: { seen: task, ctx } });
    const { deadline } = (outcome as { result: { deadline: string } }).result;
    const left = Date.parse(deadline) - Date.now();
    expect(left).toBeGreaterThan(10_000);
    expect(left).toBeLessThanOrEqual(30_000);
  });

  it('may do with its task what it likes: what is said of its end is the worker’s', async () => {
    const attempt = testAttempt();
    const running = execute(async (task, ctx) => {
      task.timeout = 1;
      await untilAborted(ctx);
    }, attempt);
    attempt.abort('timeout');
    expect(await running).toEqual({ kind: 'timeout', error_message: 'Timed out after 30 s' });
  });

  it('F1 that returns {status: "error"} has failed', async () => {
    const outcome = await execute(async () => ({ status: 'error', error: 'login refused' }));
    expect(outcome).toMatchObject({ kind: 'retry', error_message: 'login refused' });
  });

  it.each([0, 1, 2, 3, 4])('F8 whatever the handler throws, at once or later, there is an outcome: %i', async (n) => {
    const outcomes = [false, true].map((later) =>
      execute(
        ({ task_data }) => {
          const all = [new RangeError('r'), 'text', undefined, null, { outcome: 'permanent' }];
          const thrown = all[task_data.n as number];
          if (task_data.later) return Promise.resolve().then(() => Promise.reject(thrown));
          throw thrown;
        },
        testAttempt({ task_data: { n, later } }),
      ),
    );
    const [at_once, later] = await Promise.all(outcomes);
    expect(later).toEqual(at_once);
    expect(later!.kind).toBe(n === 4 ? 'permanent' : 'retry');
  });

  it('that was aborted before it began is not begun', async () => {
    const attempt = testAttempt();
    attempt.abort('shutdown');
    const outcome = await execute((_task, ctx) => ctx.log.info('begun'), attempt);
    expect(outcome).toEqual({ kind: 'released', cause: 'shutdown' });
    expect(attempt.lines).toEqual([]);
  });
});

describe.each(HOMES)('an aborted handler, in %s', (_home, execute) => {
  const cases: Array<[AbortReason, string]> = [
    ['revoked', 'revoked'],
    ['shutdown', 'shutdown'],
    ['database', 'database'],
    ['lost', 'revoked'],
  ];

  it.each(cases)('(%s) that throws is released; one that finishes nevertheless is done', async (reason, cause) => {
    const run = async (way: string) => {
      const attempt = testAttempt({ task_data: { way } });
      const running = execute(async ({ task_data }, ctx) => {
        await untilAborted(ctx);
        if (task_data.way === 'throws') throw new Error('interrupted');
        return 'finished';
      }, attempt);
      attempt.abort(reason);
      return running;
    };
    expect(await run('throws')).toEqual({ kind: 'released', cause });
    expect(await run('finishes')).toEqual({ kind: 'done', result: 'finished', enqueue: [] });
  });

  it('that answers with an error because it was interrupted spends no attempt', async () => {
    const attempt = testAttempt();
    const running = execute(async (_task, ctx) => {
      await untilAborted(ctx);
      return { status: 'error', error: 'interrupted' };
    }, attempt);
    attempt.abort('shutdown');
    expect(await running).toEqual({ kind: 'released', cause: 'shutdown' });
  });

  it.each(['throws', 'returns'])('(timeout) that %s late is a timeout', async (way) => {
    const attempt = testAttempt({ task_data: { way } });
    const running = execute(async ({ task_data: { way } }, ctx) => {
      await untilAborted(ctx);
      if (way === 'throws') throw new Error('interrupted');
      return 'too late';
    }, attempt);
    attempt.abort('timeout');
    const outcome = await running;
    expect(outcome).toMatchObject({ kind: 'timeout', error_message: expect.stringContaining('30 s') });
    if (way === 'throws') expect(outcome).toHaveProperty('error_message', expect.stringContaining('interrupted'));
  });
});

describe.each(HOMES)('ctx.enqueue, in %s', (_home, execute) => {
  it('keeps tasks until the handler is done, and adds those of its answer', async () => {
    const outcome = await execute((_task, ctx) => {
      ctx.enqueue({ task_type: 'a' });
      ctx.enqueue([{ task_type: 'b' }]);
      return { enqueue: [{ task_type: 'c' }] };
    });
    expect(outcome).toMatchObject({ enqueue: [{ task_type: 'a' }, { task_type: 'b' }, { task_type: 'c' }] });
  });

  it('keeps nothing of an attempt that fails', async () => {
    const outcome = await execute((_task, ctx) => {
      ctx.enqueue({ task_type: 'a' });
      throw new Error('failed afterwards');
    });
    expect(outcome).toEqual({ kind: 'retry', error_message: 'failed afterwards', error_class: 'Error' });
  });

  it('refuses an invalid task, also when the handler swallows the error', async () => {
    const outcome = await execute((_task, ctx) => {
      try {
        ctx.enqueue([{ task_type: 'good' }, { task_type: '' }]);
      } catch {}
      return 'fine';
    });
    expect(outcome).toMatchObject({ kind: 'retry', error_class: 'BadEnqueue' });
    expect(outcome).toHaveProperty('error_message', expect.stringContaining('task[1].task_type'));
  });

  it('throws after the handler has ended', async () => {
    const attempt = testAttempt();
    const caught = (_task: unknown, ctx: HandlerContext) => {
      setImmediate(() => {
        try {
          ctx.enqueue({ task_type: 'late' });
        } catch (error) {
          ctx.log.error(`it said: ${(error as Error).message}`);
        }
      });
    };
    await execute(caught, attempt);
    const said = () => [...attempt.lines.map((one) => one.message), ...scene.warnings, ...processes.warnings];
    await vi.waitFor(
      () => expect(said().some((text) => /it said: .*after the handler had ended/.test(text))).toBe(true),
      20_000,
    );
  });
});

describe.each(HOMES)('what a handler reports, in %s', (_home, execute) => {
  it('is said with functions that it may take out of its context', async () => {
    const attempt = testAttempt();
    const outcome = await execute(async (_task, { progress, metric, checkpoint }) => {
      progress(2, 10, 'page 2');
      metric('rows', 5);
      await checkpoint({ page: 2 });
    }, attempt);
    expect(outcome).toMatchObject({ kind: 'done' });
    expect(attempt.said).toHaveLength(3);
    expect(attempt.said).toEqual(
      expect.arrayContaining([{ progress: [2, 10, 'page 2'] }, { metric: ['rows', 5] }, { checkpoint: { page: 2 } }]),
    );
  });

  it('may be refused: a checkpoint of a lost attempt, or one that is too large', async () => {
    const lost = testAttempt();
    lost.report.checkpoint = () => Promise.reject(new Error('The attempt is lost.'));
    const store = (bytes: number, attempt = testAttempt()) =>
      execute(({ task_data }, ctx) => ctx.checkpoint('x'.repeat(task_data.bytes as number)), {
        ...attempt,
        task: { ...attempt.task, task_data: { bytes } },
      });
    const refused = (why: string) => ({ kind: 'retry', error_message: expect.stringContaining(why) });
    expect(await store(1, lost)).toMatchObject(refused('The attempt is lost.'));
    expect(await store(70_000)).toMatchObject(refused('the maximum is 65536'));
  });
});

it('a thread says the last of many values and checkpoints, not each of them', async () => {
  const values = testAttempt();
  await inThread((_task, ctx) => {
    for (let n = 0; n <= 10_000; n += 1) ctx.progress(n, 10_000);
  }, values);
  expect(values.said).toEqual([{ progress: [10_000, 10_000, undefined] }]);
  const checkpoints = testAttempt();
  await inThread(async (_task, ctx) => {
    let last: Promise<void> | undefined;
    for (let n = 1; n <= 1000; n += 1) last = ctx.checkpoint(n);
    await last;
  }, checkpoints);
  expect(checkpoints.said).toEqual([{ checkpoint: 1 }, { checkpoint: 1000 }]);
});

it('a handler in main that ignores its signal settles only when its own promise does', async () => {
  const attempt = testAttempt();
  const releases: Array<(value: string) => void> = [];
  const running = inMain(() => new Promise((resolve) => releases.push(resolve)), attempt);
  const settled = vi.fn();
  void running.then(settled);
  attempt.abort('timeout');
  await new Promise((resolve) => setImmediate(resolve));
  expect(settled).not.toHaveBeenCalled();
  releases[0]!('at last');
  expect(await running).toMatchObject({ kind: 'timeout' });
});
