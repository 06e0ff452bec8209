import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AbortReason, HandlerContext } from '../../../../src/core/handlers/handler.ts';
import { functionHandler } from '../../../../src/core/handlers/module-handler.ts';
import type { HandlerFunction } from '../../../../src/core/handlers/module-loader.ts';
import { ModulePlace } from '../../../../src/core/handlers/module-place.ts';
import type { Service } from '../../../../src/core/runtime/service.ts';
import { messagesOf, silentLog, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { FIXTURES } from '../../../fixtures/handlers/command.ts';
import { type ProcessScene, processScene, testProcesses } from '../../../fixtures/handlers/process.ts';
import { buildThreads, type ThreadScene, testThreads, threadScene } from '../../../fixtures/handlers/thread.ts';

let thread: ThreadScene;
let child: ProcessScene;
const loaded: Service[] = [];
const loadInMain = (module: string) =>
  new ModulePlace({ base_dir: FIXTURES, logOf: () => silentLog }).load('sync_data', module);
const loadInProcess = async (module: string) => {
  const one = testProcesses(module);
  loaded.push(one);
  await one.start();
  return one.handlers.get('sync_data')!;
};
const loadInThread = async (module: string) => {
  const one = testThreads(module);
  loaded.push(one);
  await one.start();
  return one.handlers[0]!;
};

beforeAll(async () => {
  await buildThreads();
  thread = await threadScene();
  child = await processScene();
}, 120_000);
afterAll(() => Promise.all([thread.threads, child.processes, ...loaded].map((one) => one.stop())));

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

  it('a module that throws while it loads is refused with what it said', async () => {
    const message = expect.stringMatching(/throws-on-load\.js: no licence/);
    await expect(load('throws-on-load.js')).rejects.toMatchObject({ code: 'E_CONFIG', exitCode: 78, message });
  });
});

it.each([
  ['no-default.ts', /no-default.ts must contain "export default .* is missing/],
  ['object-default.js', /object-default.js must contain "export default .* is of type object/],
  ['gone.ts', `${FIXTURES}/gone.ts`],
])('%s has no function to call, and is refused with its file', async (file, said) => {
  const refused = loadInMain(`./${file}`);
  await expect(refused).rejects.toMatchObject({ code: 'E_HANDLER_MISSING', exitCode: 78 });
  await expect(refused).rejects.toThrow(said);
});

const inMain = (call: HandlerFunction, attempt = testAttempt()) => functionHandler(call).execute(attempt);
const HOMES: Array<[string, typeof inMain]> = [
  ['main', inMain],
  ['a thread', (call, attempt) => thread.execute(call, attempt)],
  ['a process', (call, attempt) => child.execute(call, attempt)],
];

describe.each(HOMES)('an attempt, in %s', (_home, execute) => {
  it('gives the handler its task and context', async () => {
    const attempt = testAttempt({ checkpoint: { page: 3 } });
    const { task } = attempt;
    const outcome = await execute((given, ctx) => {
      const { task_id, attempt, device_id, deadline, signal } = ctx;
      return { seen: given, ctx: { task_id, attempt, device_id, aborted: signal.aborted }, deadline };
    }, attempt);
    const ctx = { task_id: 7, attempt: 2, device_id: 'worker-1', aborted: false };
    expect(outcome).toMatchObject({ kind: 'done', result: { seen: task, ctx } });
    const { deadline } = (outcome as { result: { deadline: string } }).result;
    const left = Date.parse(deadline) - Date.now();
    expect(left).toBeGreaterThan(10_000);
    expect(left).toBeLessThanOrEqual(30_000);
  });

  it('F1 that returns {status: "error"} has failed', async () => {
    const outcome = await execute(async () => ({ status: 'error', error: 'login refused' }));
    expect(outcome).toMatchObject({ kind: 'retry', error_message: 'login refused' });
  });

  it('F8 whatever the handler throws, at once or later, there is an outcome, and nothing is enqueued', async () => {
    const thrown = (n: number, later: boolean) =>
      execute(
        ({ task_data }, ctx) => {
          ctx.enqueue({ task_type: 'a' });
          const all = [new RangeError('r'), undefined, { outcome: 'permanent' }];
          if (task_data.later) return Promise.reject(all[task_data.n as number]);
          throw all[task_data.n as number];
        },
        testAttempt({ task_data: { n, later } }),
      );
    const failed = { kind: 'retry', error_message: 'r', error_class: 'RangeError' };
    const both = async (n: number) => [await thrown(n, false), await thrown(n, true)];
    expect(await both(0)).toEqual([failed, failed]);
    expect(await both(1)).toMatchObject([{ kind: 'retry' }, { kind: 'retry' }]);
    expect(await both(2)).toMatchObject([{ kind: 'permanent' }, { kind: 'permanent' }]);
  });

  it('that was aborted before it began is not begun', async () => {
    const attempt = testAttempt();
    attempt.abort('shutdown');
    const outcome = await execute((_task, ctx) => ctx.log.info('begun'), attempt);
    expect(outcome).toEqual({ kind: 'released', cause: 'shutdown' });
    expect(attempt.lines).toEqual([]);
  });

  const late = (why: string) => ({ kind: 'timeout', error_message: expect.stringMatching(why) });
  it.each<[AbortReason, string, object]>([
    ['revoked', 'throws', { kind: 'released', cause: 'revoked' }],
    ['lost', 'throws', { kind: 'released', cause: 'revoked' }],
    ['shutdown', 'says error', { kind: 'released', cause: 'shutdown' }],
    ['database', 'finishes', { kind: 'done', result: 'finished', enqueue: [] }],
    ['timeout', 'throws', late('30 s.*interrupted: timeout')],
    ['timeout', 'finishes', late('30 s')],
  ])('that is aborted (%s) and %s nevertheless', async (reason, way, expected) => {
    const attempt = testAttempt({ task_data: { way } });
    const running = execute(async (task, { signal }) => {
      // What is said of its end is the worker's, whatever it does with its task.
      task.timeout = 1;
      const { task_data } = task;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (task_data.way === 'throws') throw new Error(`interrupted: ${signal.reason}`);
      return task_data.way === 'finishes' ? 'finished' : { status: 'error', error: 'interrupted' };
    }, attempt);
    attempt.abort(reason);
    expect(await running).toEqual(expected);
  });
});

describe.each(HOMES)('what a handler says, in %s', (_home, execute) => {
  it('is said with functions that it may take out of its context; tasks are kept until it is done', async () => {
    const attempt = testAttempt();
    const outcome = await execute(async (_task, { progress, metric, checkpoint, enqueue }) => {
      progress(2, 10, 'page 2');
      metric('rows', 5);
      enqueue({ task_type: 'a' });
      await checkpoint({ page: 2 });
      enqueue([{ task_type: 'b' }]);
      return { enqueue: [{ task_type: 'c' }] };
    }, attempt);
    expect(outcome).toMatchObject({ enqueue: [{ task_type: 'a' }, { task_type: 'b' }, { task_type: 'c' }] });
    expect(attempt.said).toHaveLength(3);
    const said = [{ progress: [2, 10, 'page 2'] }, { metric: ['rows', 5] }, { checkpoint: { page: 2 } }];
    expect(attempt.said).toEqual(expect.arrayContaining(said));
  });

  it('refuses an invalid task, also when the handler swallows the error', async () => {
    const outcome = await execute((_task, ctx) => {
      try {
        ctx.enqueue([{ task_type: 'good' }, { task_type: '' }]);
      } catch {}
      return 'fine';
    });
    const error_message = expect.stringContaining('task[1].task_type');
    expect(outcome).toMatchObject({ kind: 'retry', error_class: 'BadEnqueue', error_message });
  });

  it('is refused after it has ended', async () => {
    const attempt = testAttempt();
    const late = (_task: unknown, ctx: HandlerContext) => {
      setImmediate(() => {
        try {
          ctx.enqueue({ task_type: 'late' });
        } catch (error) {
          ctx.log.error(`it said: ${(error as Error).message}`);
        }
      });
    };
    await execute(late, attempt);
    const said = () => [...messagesOf(attempt, 'error'), ...thread.warnings, ...child.warnings].join();
    await vi.waitFor(() => expect(said()).toMatch(/it said: .*after the handler had ended/), 20_000);
  });

  it('may be refused: a checkpoint of a lost attempt, or one that is too large', async () => {
    const store = async (bytes: number, attempt = testAttempt({ task_data: { bytes } })) => {
      if (bytes === 1) attempt.report.checkpoint = () => Promise.reject(new Error('The attempt is lost.'));
      return execute(({ task_data }, ctx) => ctx.checkpoint('x'.repeat(task_data.bytes as number)), attempt);
    };
    const refused = (why: string) => ({ kind: 'retry', error_message: expect.stringContaining(why) });
    expect(await store(1)).toMatchObject(refused('The attempt is lost.'));
    expect(await store(70_000)).toMatchObject(refused('the maximum is 65536'));
  });
});
