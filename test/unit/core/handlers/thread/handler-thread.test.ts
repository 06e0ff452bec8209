// Each function that is executed here goes to the thread as text: it uses nothing of this file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { buildThreads, bystander, openThread, type ThreadScene } from '../../../../fixtures/handlers/thread.ts';
import { folder } from '../../config/config-folder.ts';

beforeAll(buildThreads, 300_000);
const released: Outcome = { kind: 'released', cause: 'handler_thread' };
const well: Outcome = { kind: 'done', result: 'well', enqueue: [] };
const answers = ({ execute }: ThreadScene) => execute(() => 'well');
it('a handler that loops is named when its thread has been silent for a while; new attempts begin elsewhere', async () => {
  const scene = await openThread({ silentMs: 1 });
  const attempt = testAttempt({ task_id: 8 });
  const looping = scene.execute(() => {
    for (;;);
  }, attempt);
  const warning = /^the handler of task 8 .* has blocked its thread/;
  await vi.waitFor(() => expect(scene.warnings).toEqual([expect.stringMatching(warning)]), 20_000);
  expect(await answers(scene)).toEqual(well);
  attempt.abort('revoked');
  expect(await looping).toEqual({ kind: 'released', cause: 'revoked' });
});

describe('a handler that ignores its abort', () => {
  it('is ended with its thread; others there may end by themselves first', async () => {
    const scene = await openThread({ othersMs: 60_000 });
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
    const scene = await openThread();
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

it('a timer that an ended attempt left behind costs the others nothing', async () => {
  const scene = await openThread();
  const neighbour = await bystander(scene);
  await scene.execute(() => {
    setTimeout(() => {
      throw new Error('left behind');
    }, 1);
  });
  expect(await neighbour.ended).toEqual(released);
});

describe('what crosses between the threads', () => {
  it('are results as JSON has them, and control errors of any kind', async () => {
    const { execute } = await openThread();
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
    const scene = await openThread();
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
});
