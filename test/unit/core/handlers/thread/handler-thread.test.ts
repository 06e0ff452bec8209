// Each function that is executed here goes to the thread as text: it uses nothing of this file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import type { HandlerThreadsOptions } from '../../../../../src/core/handlers/thread/handler-threads.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { buildThreads, type ThreadScene, threadScene } from '../../../../fixtures/handlers/thread.ts';
import { folder } from '../../config/config-folder.ts';

beforeAll(buildThreads, 300_000);
async function open(more: HandlerThreadsOptions['more'] = {}): Promise<ThreadScene> {
  const scene = await threadScene(more);
  onTestFinished(() => scene.threads.stop());
  return scene;
}

const released: Outcome = { kind: 'released', cause: 'handler_thread' };
const well: Outcome = { kind: 'done', result: 'well', enqueue: [] };
const answers = ({ execute }: ThreadScene) => execute(() => 'well');
const block = () => {
  for (;;);
};

/** An attempt that says "begun" and then waits for its abort, together with its end. */
async function bystander({ execute }: ThreadScene) {
  const attempt = testAttempt({ task_id: 100 });
  const ended = execute(async (_task, ctx) => {
    ctx.log.info('begun');
    await untilAborted(ctx);
    return 'well';
  }, attempt);
  await attempt.logged(/^begun$/);
  return { attempt, ended };
}

describe('a handler that loops for ever', () => {
  it('spends an attempt of its own; what ran next to it spends none', async () => {
    const scene = await open();
    const neighbour = await bystander(scene);
    const looping = scene.execute(block, testAttempt({ task_id: 8 }));
    neighbour.attempt.abort('timeout');
    expect(await neighbour.ended).toEqual(released);
    expect(await looping).toMatchObject({ kind: 'retry', error_class: 'BlockedThread' });
  });

  it('is named when its thread has been silent for a while, and new attempts begin in another thread', async () => {
    const scene = await open({ silentMs: 1 });
    const attempt = testAttempt({ task_id: 8 });
    const looping = scene.execute(block, attempt);
    const warning = /^the handler of task 8 .* has blocked its thread/;
    await vi.waitFor(() => expect(scene.warnings).toEqual([expect.stringMatching(warning)]), 20_000);
    expect(await answers(scene)).toEqual(well);
    attempt.abort('revoked');
    expect(await looping).toEqual({ kind: 'released', cause: 'revoked' });
  });
});

describe('a handler that ignores its abort', () => {
  it('is ended with its thread; others there may end by themselves first', async () => {
    const scene = await open({ othersMs: 60_000 });
    const neighbour = await bystander(scene);
    const deaf = testAttempt({ task_id: 8 });
    const ignoring = scene.execute(() => new Promise(() => {}), deaf);
    deaf.abort('timeout');
    await vi.waitFor(() => expect(scene.warnings).toHaveLength(1), 20_000);
    // A new one goes elsewhere while the first thread lives on.
    expect(await answers(scene)).toEqual(well);
    neighbour.attempt.abort('revoked');
    expect(await neighbour.ended).toEqual(well);
    expect(await ignoring).toMatchObject({ kind: 'timeout' });
  });

  it('takes the others with it when they do not end in time, and lets its modules clean up', async () => {
    const scene = await open();
    const file = join(folder(), 'said');
    const neighbour = await bystander(scene);
    const deaf = testAttempt({ task_data: { file } });
    const ignoring = scene.execute(({ task_data }) => {
      const { writeFileSync } = process.getBuiltinModule('node:fs');
      process.on('exit', () => writeFileSync(String(task_data.file), 'cleaned up'));
      return new Promise(() => {});
    }, deaf);
    deaf.abort('timeout');
    expect(await ignoring).toMatchObject({ kind: 'timeout' });
    expect(await neighbour.ended).toEqual(released);
    expect(readFileSync(file, 'utf8')).toBe('cleaned up');
  });
});

describe('an error outside of every attempt', () => {
  it('of a timer that an ended attempt left behind costs the others nothing', async () => {
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

  it('that nobody can be blamed for costs each that ran an attempt: none of them can do it for ever', async () => {
    const scene = await open();
    const running = [await bystander(scene), await bystander(scene)];
    await scene.execute(() => {
      (globalThis as { strayError?: Error }).strayError = new Error('of the module');
    });
    const error_message = expect.stringMatching(/it is not known which of the 2 attempts/);
    for (const { ended } of running) expect(await ended).toMatchObject({ kind: 'retry', error_message });
  });
});

describe('what crosses between the threads', () => {
  it('are results as JSON has them, and control errors of any kind', async () => {
    const { execute } = await open();
    expect(await execute(() => () => 1)).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
    const result = await execute(() => new Proxy({ at: new Date(0), map: new Map([[1, 2]]) }, {}));
    expect(result).toMatchObject({ kind: 'done', result: { at: '1970-01-01T00:00:00.000Z', map: {} } });
    const permanent = await execute(() => {
      throw { outcome: 'permanent', message: 'gone' };
    });
    expect(permanent).toMatchObject({ kind: 'permanent', error_message: 'gone' });
    const later = await execute(() => {
      throw Object.assign(new Error('other'), { outcome: 'later', after: 9 });
    });
    expect(later).toMatchObject({ kind: 'later', error_message: 'other', after: 9 });
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

  it('the reason of an abort, once', async () => {
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
    attempt.abort('lost');
    await ended;
    expect(attempt.lines.map((one) => one.message)).toEqual(['begun', 'lost 1 true']);
  });

  it('attempts that come while a thread ends settle all, the last one in the next thread', async () => {
    const scene = await open();
    const coming: Array<Promise<Outcome>> = [];
    let over = false;
    const die = async () => {
      await new Promise(setImmediate);
      process.exit(1);
    };
    void scene.execute(die, testAttempt({ task_id: 8 })).then(() => {
      over = true;
    });
    while (!over) {
      coming.push(answers(scene));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const outcome of await Promise.all(coming)) expect(['done', 'released']).toContain(outcome.kind);
    expect(await answers(scene)).toEqual(well);
  });
});

declare function untilAborted(ctx: { signal: AbortSignal }): Promise<void>;
