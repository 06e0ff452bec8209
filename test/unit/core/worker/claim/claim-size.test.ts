import { expect, test } from 'vitest';
import { ClaimSize } from '../../../../../src/core/worker/claim/claim-size.ts';

test('finding F12: a claim that did not arrive in time is halved, down to one', () => {
  const size = new ClaimSize();
  expect(size.limit(500)).toBe(500);
  for (const wanted of [250, 125, 62, 31, 15, 7, 3, 1, 1]) {
    size.tooSlow(500);
    expect(size.limit(500)).toBe(wanted);
  }
});

test('it grows again by those that arrive, and a small one says nothing', () => {
  const size = new ClaimSize();
  size.tooSlow(100);
  size.arrived(10);
  expect(size.limit(500)).toBe(50);
  size.arrived(50);
  expect(size.limit(500)).toBe(100);
  for (const asked of [100, 200, 400, 800]) size.arrived(asked);
  expect(size.limit(5000)).toBe(5000);
});
