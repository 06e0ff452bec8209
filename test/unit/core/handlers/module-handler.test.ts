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
      const { aborted } = ctx.signal;
      const { deadline, device_id } = ctx;
      return { seen, ctx: { task_id: ctx.task_id, attempt: ctx.attempt, device_id, aborted }, deadline };
    }, attempt);
    expect(outcome).toMatchObject({ kind: 'done', result: { seen: task } });
    expect(outcome).toMatchObject({
      result: { ctx: { task_id: 7, attempt: 2, device_id: 'worker-1', aborted: false } },
    });
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

  it('F8 whatever the handler throws, at once or later, there is an outcome', async () => {
    for (const n of [0, 1, 2, 3, 4]) {
      const at_once = await execute(
        ({ task_data }) => {
          throw [new RangeError('r'), 'text', undefined, null, { outcome: 'permanent' }][task_data.n as number];
        },
        testAttempt({ task_data: { n } }),
      );
      const later = await execute(
        async ({ task_data }) => {
          await null;
          throw [new RangeError('r'), 'text', undefined, null, { outcome: 'permanent' }][task_data.n as number];
        },
        testAttempt({ task_data: { n } }),
      );
      expect(later).toEqual(at_once);
      expect(later.kind).toBe(n === 4 ? 'permanent' : 'retry');
    }
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

  it.each(cases)('(%s) that throws is released', async (reason, cause) => {
    const attempt = testAttempt();
    const running = execute(async (_task, ctx) => {
      await untilAborted(ctx);
      throw new Error('interrupted');
    }, attempt);
    attempt.abort(reason);
    expect(await running).toEqual({ kind: 'released', cause });
  });

  it.each(cases)('(%s) that finishes nevertheless is done', async (reason) => {
    const attempt = testAttempt();
    const running = execute(async (_task, ctx) => {
      await untilAborted(ctx);
      return 'finished';
    }, attempt);
    attempt.abort(reason);
    expect(await running).toEqual({ kind: 'done', result: 'finished', enqueue: [] });
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
