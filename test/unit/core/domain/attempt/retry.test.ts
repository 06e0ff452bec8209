import { expect, test } from 'vitest';
import { backoff, mayRetry } from '../../../../../src/core/domain/attempt/retry.ts';

const policy = { initial: 30, max: 3600, jitter: 0.2 };
const middle = () => 0.5;

test('the first retries wait 30, 60, 120 seconds', () => {
  expect([1, 2, 3].map((retry) => backoff(retry, policy, middle))).toEqual([30, 60, 120]);
});

test('C3 no retry waits less than the one before, and the count of retries alone decides', () => {
  const waits = Array.from({ length: 2000 }, (_, n) => backoff(n + 1, policy, middle));
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(waits).toEqual(Array.from({ length: 2000 }, (_, n) => backoff(n + 1, policy, middle)));
  expect(waits.at(-1)).toBe(3600);
});

test('a wait stays within the jitter of its plain value, and within the jitter of max', () => {
  const wrong: string[] = [];
  for (let n = 0; n < 2000; n += 1) {
    const retry = 1 + Math.trunc(Math.random() * 40);
    const plain = Math.min(3600, 30 * 2 ** (retry - 1));
    const wait = backoff(retry, policy);
    if (!(wait >= plain * 0.8 && wait <= plain * 1.2))
      wrong.push(`retry ${retry} waits ${wait}, ${plain} without jitter`);
  }
  expect(wrong).toEqual([]);
});

test('the jitter reaches both of its ends', () => {
  expect(backoff(1, policy, () => 0)).toBeCloseTo(24);
  expect(backoff(1, policy, () => 0.999999)).toBeCloseTo(36, 3);
});

test('nonsense counts wait like the first retry', () => {
  expect(backoff(0, policy, middle)).toBe(30);
  expect(backoff(-5, policy, middle)).toBe(30);
});

test('N retries are N + 1 attempts; none is one attempt', () => {
  expect(mayRetry(3, 3)).toBe(true);
  expect(mayRetry(4, 3)).toBe(false);
  expect(mayRetry(1, 0)).toBe(false);
});
