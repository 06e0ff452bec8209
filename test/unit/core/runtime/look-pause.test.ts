import { expect, test } from 'vitest';
import { LookPause } from '../../../../src/core/runtime/look-pause.ts';

test('after a look that took longer than the quickest, nobody looks for twenty times what it took more', () => {
  const pause = new LookPause();
  pause.looked(0, 10);
  expect(pause.until).toBe(0);
  pause.looked(1000, 110);
  expect(pause.until).toBeCloseTo(1000 + 20 * (110 - 10.5));
  pause.looked(5000, 10);
  expect(pause.until).toBe(5000);
});

test('it is thirty seconds at most', () => {
  const pause = new LookPause();
  pause.looked(0, 10);
  pause.looked(1000, 60_000);
  expect(pause.until).toBe(31_000);
});

test('a database that is further away than it was is looked at as often again after some looks', () => {
  const pause = new LookPause();
  pause.looked(0, 1);
  for (let n = 0; n < 200; n += 1) pause.looked(n * 1000, 200);
  expect(pause.until).toBe(199_000);
});
