// Each function that is executed here goes to the thread as text: it uses nothing of this file.
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import type { HandlerThreadsOptions } from '../../../../../src/core/handlers/thread/handler-threads.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { buildThreads, type ThreadScene, threadScene } from '../../../../fixtures/handlers/thread.ts';

const scenes: ThreadScene[] = [];

beforeAll(buildThreads, 300_000);
afterEach(async () => {
  await Promise.all(scenes.splice(0).map((one) => one.threads.stop()));
});

async function open(more: HandlerThreadsOptions['more'] = {}): Promise<ThreadScene> {
  const scene = await threadScene(more);
  scenes.push(scene);
  return scene;
}

const released: Outcome = { kind: 'released', cause: 'handler_thread' };

/** An attempt that says "begun" and then waits for its abort, together with its end. */
async function bystander({ execute }: ThreadScene) {
  const attempt = testAttempt({ task_id: 100 });
  const ended = execute(async (_task, ctx) => {
    ctx.log.info('begun');
    await new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))));
  }, attempt);
  await attempt.logged(/^begun$/);
  return { attempt, ended };
}

const answers = ({ execute }: ThreadScene) => execute(() => 'well');
const well: Outcome = { kind: 'done', result: 'well', enqueue: [] };

describe('a handler that loops for ever', () => {
  it('blocks nobody here, and ends as a timeout at its deadline; the next attempts run in another thread', async () => {
    const scene = await open();
    const attempt = testAttempt({ task_id: 8 });
    const looping = scene.execute((_task, ctx) => {
      ctx.log.info('begun');
      // The line leaves with the turn of the event loop.
      return new Promise(() =>
        setImmediate(() =>
          setImmediate(() => {
            for (;;);
          }),
        ),
      );
    }, attempt);
    await attempt.logged(/^begun$/);
    attempt.abort('timeout');
    expect(await looping).toEqual({
      kind: 'timeout',
      error_message: expect.stringMatching(
        /after 30 s; its handler ignored the abort signal, so its thread was terminated/,
      ),
    });
    expect(scene.warnings).toEqual([expect.stringMatching(/^task 8 .* ignores its abort signal/)]);
    expect(await answers(scene)).toEqual(well);
  });

  it('spends an attempt of its own; what ran next to it spends none', async () => {
    const scene = await open();
    const neighbour = await bystander(scene);
    const attempt = testAttempt({ task_id: 8 });
    const looping = scene.execute(() => {
      for (;;);
    }, attempt);
    neighbour.attempt.abort('timeout');
    expect(await neighbour.ended).toEqual(released);
    expect(await looping).toMatchObject({ kind: 'retry', error_class: 'BlockedThread' });
  });

  it('is named when its thread has been silent for a while, and new attempts begin in another thread', async () => {
    const scene = await open({ silentMs: 1 });
    const attempt = testAttempt({ task_id: 8 });
    const looping = scene.execute(() => {
      for (;;);
    }, attempt);
    await vi.waitFor(
      () => expect(scene.warnings).toEqual([expect.stringMatching(/^the handler of task 8 .* has blocked its thread/)]),
      20_000,
    );
    expect(await answers(scene)).toEqual(well);
    attempt.abort('revoked');
    expect(await looping).toEqual({ kind: 'released', cause: 'revoked' });
  });
});

describe('a handler that ignores its abort', () => {
  it('is ended with its thread; others there may end by themselves first', async () => {
    const scene = await open({ othersMs: 60_000 });
    const deaf = testAttempt({ task_id: 8 });
    const ignoring = scene.execute(() => new Promise(() => {}), deaf);
    const other = testAttempt({ task_id: 9 });
    const finishing = scene.execute(async (_task, ctx) => {
      ctx.log.info('begun');
      await untilAborted(ctx);
      return 'well';
    }, other);
    await other.logged(/^begun$/);
    deaf.abort('timeout');
    await vi.waitFor(() => expect(scene.warnings).toHaveLength(1), 20_000);
    // A new one goes elsewhere while the first thread lives on.
    expect(await answers(scene)).toEqual(well);
    other.abort('revoked');
    expect(await finishing).toEqual(well);
    expect(await ignoring).toMatchObject({ kind: 'timeout' });
  });

  it('takes the others with it when they do not end in time: they are released', async () => {
    const scene = await open();
    const neighbour = await bystander(scene);
    const deaf = testAttempt({ task_id: 8 });
    const ignoring = scene.execute(() => new Promise(() => {}), deaf);
    deaf.abort('timeout');
    expect(await ignoring).toMatchObject({ kind: 'timeout' });
    expect(await neighbour.ended).toEqual(released);
  });

  it('lets its modules clean up when its thread is ended', async () => {
    const scene = await open();
    const file = `/tmp/afd-thread-exit-${process.pid}-${Date.now()}`;
    const deaf = testAttempt({ task_data: { file } });
    const ignoring = scene.execute(({ task_data }) => {
      const { writeFileSync } = process.getBuiltinModule('node:fs');
      process.on('exit', () => writeFileSync(String(task_data.file), 'cleaned up'));
      return new Promise(() => {});
    }, deaf);
    deaf.abort('timeout');
    await ignoring;
    const { readFileSync, rmSync } = await import('node:fs');
    expect(readFileSync(file, 'utf8')).toBe('cleaned up');
    rmSync(file);
  });
});

describe('what would end a process ends only the thread', () => {
  const cases: Array<[string, Parameters<ThreadScene['execute']>[0], Partial<Outcome>]> = [
    [
      'process.exit(0)',
      () => process.exit(0),
      { error_class: 'ProcessExit', error_message: expect.stringContaining('the handler called process.exit(0)') },
    ],
    [
      'process.exit(3) after an await',
      async () => {
        await null;
        await new Promise(setImmediate);
        process.exit(3);
      },
      { error_class: 'ProcessExit', error_message: expect.stringContaining('process.exit(3)') },
    ],
    [
      'an error thrown in a timer',
      () =>
        new Promise(() =>
          setTimeout(() => {
            throw new RangeError('stray');
          }, 1),
        ),
      {
        error_class: 'RangeError',
        error_message: expect.stringContaining('outside of the promise of the handler: stray'),
      },
    ],
  ];

  it.each(cases)('%s: that attempt has failed and says so, others are released', async (_name, call, said) => {
    const scene = await open();
    const neighbour = await bystander(scene);
    expect(await scene.execute(call, testAttempt({ task_id: 8 }))).toMatchObject({ kind: 'retry', ...said });
    expect(await neighbour.ended).toEqual(released);
    expect(await answers(scene)).toEqual(well);
  });

  it('running out of memory: the attempt whose code did it has failed, others are released', async () => {
    const scene = await open({ heapMb: 32 });
    const neighbour = await bystander(scene);
    const hog = scene.execute(
      async () => {
        const kept: unknown[] = [];
        for (;;) {
          kept.push(new Array(1e5).fill(kept.length).map((n) => ({ n })));
          await new Promise(setImmediate);
        }
      },
      testAttempt({ task_id: 8 }),
    );
    expect(await hog).toMatchObject({ kind: 'retry', error_class: 'OutOfMemory' });
    expect(await neighbour.ended).toEqual(released);
    expect(await answers(scene)).toEqual(well);
  }, 60_000);

  it('an error of a timer that an ended attempt left behind costs the others nothing', async () => {
    const scene = await open();
    const neighbour = await bystander(scene);
    await scene.execute(() => {
      setTimeout(() => {
        throw new Error('left behind');
      }, 1);
      return 'gone by then';
    });
    expect(await neighbour.ended).toEqual(released);
  });

  it('an error that nobody can be blamed for costs each that ran an attempt: none of them can do it for ever', async () => {
    const scene = await open();
    const neighbour = await bystander(scene);
    const second = await bystander(scene);
    await scene.execute(() => {
      (globalThis as { strayError?: Error }).strayError = new Error('of the module');
    });
    for (const one of [neighbour, second]) {
      expect(await one.ended).toMatchObject({
        kind: 'retry',
        error_message: expect.stringMatching(/it is not known which of the 2 attempts/),
      });
    }
  });

  it('a promise that is rejected and that nobody waits for ends nothing, and is reported with the task', async () => {
    const scene = await open();
    expect(
      await scene.execute(() => {
        void Promise.reject(new Error('forgotten'));
        return 'well';
      }),
    ).toEqual(well);
    await vi.waitFor(
      () =>
        expect(scene.warnings).toEqual([expect.stringMatching(/unhandled promise rejection .*task 7.*: forgotten/)]),
      20_000,
    );
    expect(await answers(scene)).toEqual(well);
  });
});

describe('what crosses between the threads', () => {
  it.each<[string, Parameters<ThreadScene['execute']>[0], unknown]>([
    ['a function', () => () => 1, { kind: 'retry', error_class: 'BadResult' }],
    ['a BigInt', () => ({ n: 1n }), { kind: 'retry', error_class: 'BadResult' }],
    [
      'a cycle',
      () => {
        const a: Record<string, unknown> = {};
        a.a = a;
        return a;
      },
      { kind: 'retry', error_class: 'BadResult' },
    ],
    [
      'a throwing getter',
      () => ({
        get a() {
          throw new Error('no');
        },
      }),
      { kind: 'retry', error_class: 'BadResult' },
    ],
    ['a Proxy', () => new Proxy({ a: 1 }, {}), { kind: 'done', result: { a: 1 } }],
    [
      'a Date and a Map',
      () => ({ at: new Date(0), map: new Map([[1, 2]]) }),
      { kind: 'done', result: { at: '1970-01-01T00:00:00.000Z', map: {} } },
    ],
    ['50 MB', () => 'x'.repeat(50_000_000), { kind: 'retry', error_class: 'BadResult' }],
  ])('a result that is %s', async (_name, call, expected) => {
    expect(await (await open()).execute(call)).toMatchObject(expected as object);
  });

  it('a payload of 50 MB', async () => {
    const scene = await open();
    const text = 'x'.repeat(50_000_000);
    const outcome = await scene.execute(
      ({ task_data }) => (task_data.text as string).length,
      testAttempt({ task_data: { text } }),
    );
    expect(outcome).toMatchObject({ kind: 'done', result: 50_000_000 });
  }, 60_000);

  it.each<[string, Parameters<ThreadScene['execute']>[0], unknown]>([
    [
      'later',
      () => {
        throw Object.assign(new Error('quota'), { outcome: 'later', after: '5m' });
      },
      { kind: 'later', error_message: 'quota', after: 300 },
    ],
    [
      'permanent',
      () => {
        throw { outcome: 'permanent', message: 'gone' };
      },
      { kind: 'permanent', error_message: 'gone' },
    ],
    [
      'retry',
      () => Promise.reject({ outcome: 'retry', after: 7, message: 'again' }),
      { kind: 'retry', error_message: 'again', after: 7 },
    ],
    [
      'later of another realm',
      () =>
        process
          .getBuiltinModule('node:vm')
          .runInNewContext("throw Object.assign(new Error('other'), { outcome: 'later', after: 9 })"),
      { kind: 'later', error_message: 'other', after: 9 },
    ],
  ])('a control error: %s', async (_name, call, expected) => {
    expect(await (await open()).execute(call)).toEqual(expect.objectContaining(expected as object));
  });

  it('log lines with their fields, and what is printed, come with their task, in order', async () => {
    const scene = await open();
    const attempt = testAttempt();
    await scene.execute((_task, ctx) => {
      const fields = { n: 1, token: 'secret' };
      ctx.log.debug('first', fields);
      fields.n = 2;
      ctx.log.warn('second', { call: () => 1, big: 2n, at: new Date(0), error: new Error('e') });
      process.stdout.write('printed\n');
      process.stderr.write('also\nprinted');
    }, attempt);
    expect(attempt.lines).toEqual([
      { level: 'debug', message: 'first', fields: { n: 1, token: '***' } },
      { level: 'warn', message: 'second', fields: expect.objectContaining({ big: expect.anything(), error: 'e' }) },
      { level: 'info', message: 'printed', fields: { stream: 'stdout' } },
      { level: 'info', message: 'also', fields: { stream: 'stderr' } },
      { level: 'info', message: 'printed', fields: { stream: 'stderr' } },
    ]);
  });

  it.each(['timeout', 'revoked', 'lost', 'shutdown', 'database'] as const)(
    'the reason of an abort: %s, once',
    async (reason) => {
      const scene = await open();
      const attempt = testAttempt();
      const ended = scene.execute(async (_task, ctx) => {
        let times = 0;
        ctx.signal.addEventListener('abort', () => {
          times += 1;
        });
        ctx.log.info('begun');
        await untilAborted(ctx);
        await new Promise(setImmediate);
        ctx.log.info(`${ctx.signal.reason} ${times} ${ctx.signal.aborted}`);
      }, attempt);
      await attempt.logged(/^begun$/);
      attempt.abort(reason);
      await ended;
      expect(attempt.lines.map((one) => one.message)).toEqual(['begun', `${reason} 1 true`]);
    },
  );

  it('1,000 attempts at once begin in their order', async () => {
    const scene = await open();
    const attempts = Array.from({ length: 1000 }, (_, n) => testAttempt({ task_id: n + 1 }));
    const outcomes = await Promise.all(
      attempts.map((one) =>
        scene.execute(({ task_id }) => {
          const seen = globalThis as { order?: number[] };
          seen.order ??= [];
          seen.order.push(task_id);
          return seen.order.length;
        }, one),
      ),
    );
    expect(outcomes.map((one) => (one as { result: unknown }).result)).toEqual(attempts.map((one) => one.task.task_id));
  });

  it('attempts that come while a thread ends settle all, most of them in the next thread', async () => {
    const scene = await open();
    const coming: Array<Promise<Outcome>> = [];
    const dying = scene.execute(
      async () => {
        await new Promise(setImmediate);
        process.exit(1);
      },
      testAttempt({ task_id: 8 }),
    );
    let over = false;
    void dying.then(() => {
      over = true;
    });
    while (!over) {
      coming.push(answers(scene));
      await new Promise((resolve) => setImmediate(resolve));
    }
    coming.push(answers(scene));
    const kinds = new Set((await Promise.all(coming)).map((one) => one.kind));
    expect([...kinds].filter((kind) => kind !== 'done' && kind !== 'released')).toEqual([]);
    expect(await coming.at(-1)).toEqual(well);
  });
});

declare function untilAborted(ctx: { signal: AbortSignal }): Promise<void>;
