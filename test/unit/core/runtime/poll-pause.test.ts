import { expect, test } from 'vitest';
import { PollPause } from '../../../../src/core/runtime/poll-pause.ts';

/** After one poll that took 10 ms, and these: when each was, and how long it took. */
function after(...polls: Array<[at: number, tookMs: number]>) {
  const pause = new PollPause();
  pause.polled(0, 10);
  for (const [at, tookMs] of polls) pause.polled(at, tookMs);
  return pause;
}

test('after two polls that took longer than the quickest, none follows for twenty times what both took more', () => {
  expect(after().until).toBe(0);
  expect(after([1000, 310], [2000, 110]).until).toBeCloseTo(2000 + 20 * (110 - 11.025));
  expect(after([1000, 310], [2000, 110], [5000, 10]).until).toBe(5000);
  // Thirty seconds at most.
  expect(after([1000, 60_000], [2000, 60_000]).until).toBe(32_000);
});

test('one slow poll may be a network that stood still: the next one comes after as long as it took more', () => {
  const pause = after([1000, 1500]);
  expect(pause.until).toBeCloseTo(1000 + 1489.5);
  pause.polled(3000, 10);
  expect(pause.until).toBe(3000);
});

test('a database that is further away than it was is looked at as often again after some looks', () => {
  const looks = Array.from({ length: 200 }, (_, n): [number, number] => [n * 1000, 200]);
  expect(after(...looks).until).toBe(199_000);
});

test('a poll that took much longer than the quickest is costly until one is quick again', () => {
  const costly = (...polls: Array<[number, number]>) => after(...polls).costly;
  expect([costly(), costly([1000, 60]), costly([1000, 150])]).toEqual([false, false, true]);
  expect(costly([1000, 150], [6000, 10])).toBe(false);
});

test('after a poll that the server broke off there is a pause that doubles while that goes on', () => {
  const pause = after();
  const pauses = [1000, 11_000, 31_000, 71_000].map((at) => {
    pause.brokenOff(at, 300);
    return pause.until - at;
  });
  expect(pauses).toEqual([6000, 12_000, 24_000, 30_000]);
  expect(pause.costly).toBe(true);
  pause.polled(120_000, 10);
  pause.brokenOff(121_000, 300);
  expect(pause.until).toBe(127_000);
});

test('a device that finds another polling waits as long again', () => {
  const pause = after([1000, 210]);
  const waited = pause.until - 1000;
  pause.again(8000);
  expect(pause.until).toBeCloseTo(8000 + waited);
  expect(pause.costly).toBe(true);
});
