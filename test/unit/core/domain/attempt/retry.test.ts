import { expect, test } from 'vitest';
import { backoff, mayRetry } from '../../../../../src/core/domain/attempt/retry.ts';

const policy = { initial: 30, max: 3600, jitter: 0.2 };
const waits = (count: number, random: () => number) =>
  Array.from({ length: count }, (_, n) => backoff(n + 1, policy, random));

test('C3 no retry waits less than the one before, from 30, 60, 120 seconds to the maximum', () => {
  const all = waits(2000, () => 0.5);
  expect(all.slice(0, 3)).toEqual([30, 60, 120]);
  expect(all).toEqual(all.toSorted((a, b) => a - b));
  expect(all.at(-1)).toBe(3600);
  expect([0, -5].map((nonsense) => backoff(nonsense, policy, () => 0.5))).toEqual([30, 30]);
});

test('a wait stays within the jitter of its plain value, and reaches both ends, also at the maximum', () => {
  const ends = [waits(40, () => 0), waits(40, () => 0.999999)];
  for (const [n, plain] of waits(40, () => 0.5).entries()) {
    expect(ends[0]![n]).toBeCloseTo(plain * 0.8, 6);
    expect(ends[1]![n]! / plain).toBeCloseTo(1.2, 4);
  }
  expect(backoff(1, policy)).not.toBe(backoff(1, policy));
});

test('N retries are N + 1 attempts; none is one attempt', () => {
  expect([mayRetry(3, 3), mayRetry(4, 3), mayRetry(1, 0)]).toEqual([true, false, false]);
});
