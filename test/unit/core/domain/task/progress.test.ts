import { expect, it } from 'vitest';
import { remaining, type Speed } from '../../../../../src/core/domain/task/progress.ts';

const speed = (more: Partial<Speed> = {}): Speed => ({
  ...{ done: 30, total: 100, begun_done: 10, elapsed: 20, age: 0 },
  ...more,
});

it.each([
  ['goes on as before: 20 in 20 s, 70 to go', {}, 70],
  ['is reckoned from where the attempt began, not from 0', { begun_done: 20, elapsed: 20 }, 140],
  ['is less by the time since the last report', { age: 15 }, 55],
  ['is never negative', { age: 1000 }, 0],
  ['is 0 at the end', { done: 100 }, 0],
  ['is not known before the second report', { done: 10, elapsed: 0 }, null],
  ['is not known while nothing has moved', { done: 10 }, null],
  ['is not known when it went backwards', { done: 5 }, null],
  ['is not known without a total', { total: null }, null],
  ['is not known when more is done than there is', { done: 101 }, null],
  ['is not known of an attempt without progress', { done: null, begun_done: null, elapsed: null }, null],
])('what remains %s', (_what, more, seconds) => {
  expect(remaining(speed(more))).toBe(seconds);
});
