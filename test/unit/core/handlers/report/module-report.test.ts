import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionHandler } from '../../../../../src/core/handlers/module-handler.ts';
import type { HandlerFunction } from '../../../../../src/core/handlers/module-loader.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { buildThreads, type ThreadScene, threadScene } from '../../../../fixtures/handlers/thread.ts';

let scene: ThreadScene;
beforeAll(async () => {
  await buildThreads();
  scene = await threadScene();
}, 120_000);
afterAll(() => scene.threads.stop());

describe.each([
  ['main', (call: HandlerFunction, attempt = testAttempt()) => functionHandler(call).execute(attempt)],
  ['a thread', (call: HandlerFunction, attempt = testAttempt()) => scene.execute(call, attempt)],
])('a handler in %s', (_home, execute) => {
  it('reports with functions that it may take out of its context', async () => {
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

  it('is given the checkpoint of an earlier attempt', async () => {
    const attempt = testAttempt({ checkpoint: { page: 7 } });
    const outcome = await execute((task) => ({ resumed: task.checkpoint }), attempt);
    expect(outcome).toMatchObject({ kind: 'done', result: { resumed: { page: 7 } } });
  });

  it('gets the error of a checkpoint that was refused', async () => {
    const attempt = testAttempt();
    attempt.report.checkpoint = () => Promise.reject(new Error('The attempt is lost.'));
    const outcome = await execute(async (_task, ctx) => {
      await ctx.checkpoint(1);
    }, attempt);
    expect(outcome).toMatchObject({ kind: 'retry', error_message: expect.stringContaining('The attempt is lost.') });
  });

  it('fails with a checkpoint that is too large, and says so', async () => {
    const outcome = await execute(async (_task, ctx) => {
      await ctx.checkpoint('x'.repeat(70_000));
    });
    expect(outcome).toMatchObject({ kind: 'retry', error_message: expect.stringContaining('the maximum is 65536') });
  });
});

it('a thread says the last of many values, not each of them', async () => {
  const attempt = testAttempt();
  await scene.execute(async (_task, ctx) => {
    for (let n = 0; n <= 10_000; n += 1) ctx.progress(n, 10_000);
  }, attempt);
  expect(attempt.said).toEqual([{ progress: [10_000, 10_000, undefined] }]);
});

it('a thread sends the last of many checkpoints that nobody waits for', async () => {
  const attempt = testAttempt();
  await scene.execute(async (_task, ctx) => {
    let last: Promise<void> | undefined;
    for (let n = 1; n <= 1000; n += 1) last = ctx.checkpoint(n);
    await last;
  }, attempt);
  expect(attempt.said).toEqual([{ checkpoint: 1 }, { checkpoint: 1000 }]);
});
