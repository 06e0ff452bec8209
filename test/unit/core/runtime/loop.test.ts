import { expect, test } from 'vitest';
import { Backoff } from '../../../../src/core/runtime/backoff.ts';
import { threadStartMs } from '../../../../src/core/runtime/clock.ts';
import { Loop, sleep } from '../../../../src/core/runtime/loop.ts';
import { until } from '../../../helpers/wait.ts';

const HOUR = 3_600_000;

/** A loop that counts its rounds; each waits until it is let through. */
function counted({ intervalMs = HOUR, fail = false } = {}) {
  const state = { rounds: 0, ended: 0, errors: 0 };
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const loop = new Loop({
    intervalMs,
    work: async () => {
      state.rounds += 1;
      await gate;
      state.ended += 1;
      if (fail) throw new Error('broken');
    },
    onError: () => {
      state.errors += 1;
      return undefined;
    },
  });
  loop.start();
  return { loop, state, open, reach: (rounds: number) => until(() => state.rounds >= rounds) };
}

test('start twice is one start, and stop resolves only when the round that runs has ended', async () => {
  const { loop, state, open, reach } = counted();
  loop.start();
  await reach(1);
  const stopping = loop.stop().then(() => state.ended);
  expect(await Promise.race([stopping, Promise.resolve('runs')])).toBe('runs');
  open();
  expect(await stopping).toBe(1);
  expect(state.rounds).toBe(1);
});

test('wake cuts the pause short, and a wake during a round is not lost', async () => {
  const { loop, open, reach } = counted();
  await reach(1);
  loop.wake();
  open();
  await reach(2);
  loop.wake();
  await reach(3);
  await loop.stop();
});

test('a round that throws does not end the loop', async () => {
  const { loop, state, open, reach } = counted({ intervalMs: 0, fail: true });
  open();
  await reach(3);
  await loop.stop();
  expect(state.errors).toBeGreaterThanOrEqual(3);
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

test('the start of a thread is by the clock of the machine, though it loses the processor while it reads both', () => {
  let ms = 5_000_000;
  let readings = 0;
  const start = threadStartMs(
    () => BigInt(Math.round(ms * 1e6)),
    () => {
      readings += 1;
      // Another process has its turn each time but once.
      ms += readings === 7 ? 0.001 : 4;
      return ms - 1000;
    },
  );
  expect(Math.abs(start - 1000)).toBeLessThan(0.01);
});
