import { expect, test } from 'vitest';
import { Backoff } from '../../../../src/core/runtime/backoff.ts';
import { Loop, sleep } from '../../../../src/core/runtime/loop.ts';

const HOUR = 3_600_000;

function gate() {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, promise };
}

/** A loop that reports its rounds; each waits for `allow` if one is given. */
function counted(options: { intervalMs: number; allow?: Promise<void>; fail?: boolean; errors?: unknown[] }) {
  const state = { rounds: 0, ended: 0 };
  let notify = () => {};
  const loop = new Loop({
    intervalMs: options.intervalMs,
    work: async () => {
      state.rounds += 1;
      notify();
      await options.allow;
      state.ended += 1;
      if (options.fail === true) throw new Error('broken');
    },
    onError: (error) => {
      options.errors?.push(error);
      return undefined;
    },
  });
  const reach = (rounds: number) =>
    new Promise<void>((resolve) => {
      notify = () => {
        if (state.rounds >= rounds) resolve();
      };
      notify();
    });
  return { loop, state, reach };
}

test('start twice is one start', async () => {
  const { loop, state, reach } = counted({ intervalMs: HOUR });
  loop.start();
  loop.start();
  await reach(1);
  await loop.stop();
  expect(state.rounds).toBe(1);
});

test('stop resolves only when the round that runs has ended', async () => {
  const { open, promise } = gate();
  const { loop, state, reach } = counted({ intervalMs: HOUR, allow: promise });
  loop.start();
  await reach(1);
  let stopped = false;
  const stopping = loop.stop().then(() => {
    stopped = true;
  });
  await Promise.resolve();
  expect(stopped).toBe(false);
  open();
  await stopping;
  expect(state.ended).toBe(1);
});

test('wake cuts the pause short, and a wake during a round is not lost', async () => {
  const { open, promise } = gate();
  const { loop, reach } = counted({ intervalMs: HOUR, allow: promise });
  loop.start();
  await reach(1);
  loop.wake();
  open();
  await reach(2);
  loop.wake();
  await reach(3);
  await loop.stop();
});

test('a round that throws does not end the loop', async () => {
  const errors: unknown[] = [];
  const { loop, reach } = counted({ intervalMs: 0, fail: true, errors });
  loop.start();
  await reach(3);
  await loop.stop();
  expect(errors.length).toBeGreaterThanOrEqual(3);
});

test('a sleep ends with its signal, also when that was aborted before', async () => {
  const controller = new AbortController();
  const sleeping = sleep(HOUR, controller.signal);
  controller.abort();
  await sleeping;
  await sleep(HOUR, controller.signal);
});

test('a backoff doubles up to its limit and begins again after success', () => {
  const backoff = new Backoff({ initialMs: 20, maxMs: 100, random: () => 1 });
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([20, 40, 80, 100]);
  backoff.reset();
  expect(backoff.next()).toBe(20);
  expect(new Backoff({ initialMs: 20, maxMs: 100, random: () => 0 }).next()).toBe(10);
});
