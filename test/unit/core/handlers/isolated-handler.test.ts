// What both kinds of isolation promise. Each function that is executed goes away as text: it uses nothing of this file.
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { HandlerFunction } from '../../../../src/core/handlers/module-loader.ts';
import { messagesOf, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { PATH } from '../../../fixtures/handlers/command.ts';
import { openProcesses } from '../../../fixtures/handlers/process.ts';
import { buildThreads, bystander, openThread, type ThreadScene } from '../../../fixtures/handlers/thread.ts';

beforeAll(buildThreads, 300_000);

const inThread = () => openThread({ heapMb: 32 });
const inProcess = () => openProcesses({ env: { PATH, NODE_OPTIONS: '--max-old-space-size=32' } });

const well = { kind: 'done', result: 'well', enqueue: [] };

const DEATHS: Array<[string, HandlerFunction, string, RegExp]> = [
  [
    'process.exit(0)',
    (_task, ctx) => {
      ctx.log.info('last words');
      process.exit(0);
    },
    'ProcessExit',
    /the handler called process\.exit\(0\)/,
  ],
  [
    'an error thrown in a timer',
    () =>
      new Promise(() =>
        setTimeout(() => {
          throw new RangeError('stray');
        }, 1),
      ),
    'RangeError',
    /outside of the promise of the handler: stray/,
  ],
  [
    'a full heap',
    async () => {
      const kept: unknown[] = [];
      for (;;) {
        kept.push(new Array(1e5).fill(kept.length).map((n) => ({ n })));
        await new Promise(setImmediate);
      }
    },
    'OutOfMemory',
    /memory/,
  ],
];

describe.each([
  { kind: 'thread', open: inThread, end: /so its thread was terminated/, shared: true },
  { kind: 'process', open: inProcess, end: /so its process was killed/, shared: false },
])('a handler in a $kind', ({ open, end, shared }) => {
  const answers = ({ execute }: Pick<ThreadScene, 'execute'>) => execute(() => 'well');

  it('that loops for ever ends as a timeout at its deadline; the next attempts run elsewhere', async () => {
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
    if (!shared) expect(await answers(scene)).toEqual(well);
    attempt.abort('timeout');
    expect(await looping).toEqual({ kind: 'timeout', error_message: expect.stringMatching(end) });
    expect(scene.warnings).toEqual([expect.stringMatching(/^task 8 .* ignores its abort signal/)]);
    expect(await answers(scene)).toEqual(well);
  });

  it.each(DEATHS)(
    'that dies of %s has failed and says so; its neighbour spends nothing',
    async (_name, call, error_class, said) => {
      const scene = await open();
      const neighbour = await bystander(scene);
      const attempt = testAttempt({ task_id: 8 });
      const outcome = await scene.execute(call, attempt);
      expect(outcome).toMatchObject({ kind: 'retry', error_class, error_message: expect.stringMatching(said) });
      if (error_class === 'ProcessExit') expect(messagesOf(attempt)).toEqual(['last words']);
      if (!shared) neighbour.attempt.abort('revoked');
      expect(await neighbour.ended).toEqual(shared ? { kind: 'released', cause: 'handler_thread' } : well);
      expect(await answers(scene)).toEqual(well);
    },
    60_000,
  );

  it('that forgets a rejected promise ends nothing, and its task is named', async () => {
    const scene = await open();
    const outcome = await scene.execute(() => {
      void Promise.reject(new Error('forgotten'));
      return 'well';
    });
    expect(outcome).toEqual(well);
    const warning = /unhandled promise rejection .*task 7.*: forgotten/;
    await vi.waitFor(() => expect(scene.warnings).toEqual([expect.stringMatching(warning)]), 20_000);
  });
});
