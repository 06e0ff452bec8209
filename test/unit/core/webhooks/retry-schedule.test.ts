import { expect, it } from 'vitest';
import { nextTryMs } from '../../../../src/core/webhooks/send/retry-schedule.ts';

const middle = () => 0.5;

it('a delivery is sent again within seconds at first, and for about a day in all', () => {
  const waits: number[] = [];
  for (let tries = 1; ; tries += 1) {
    const wait = nextTryMs(tries, undefined, middle);
    if (wait === null) break;
    waits.push(wait);
  }
  expect(waits[0]).toBe(5000);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  const hours = waits.reduce((sum, one) => sum + one) / 3_600_000;
  expect(hours).toBeGreaterThan(22);
  expect(hours).toBeLessThan(25);
});

it('an answer that asks for more time gets it, at most a day', () => {
  expect(nextTryMs(1, 60, middle)).toBe(60_000);
  expect(nextTryMs(1, 1, middle)).toBe(5000);
  expect(nextTryMs(1, 10 ** 9, middle)).toBe(86_400_000);
});

it('those that failed together do not come back together', () => {
  expect(nextTryMs(1, undefined, () => 0)).toBe(4000);
  expect(nextTryMs(1, undefined, () => 0.999_999)).toBe(6000);
});
