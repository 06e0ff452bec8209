import { expect, test } from 'vitest';
import { ClaimSize } from '../../../../../src/core/worker/claim/claim-size.ts';

test('finding F12: a claim that arrived too late is halved, down to one; those that arrive let it grow, small ones not', () => {
  const size = new ClaimSize();
  const limits = Array.from({ length: 10 }, () => {
    const limit = size.limit(500);
    size.tooSlow(500);
    return limit;
  });
  expect(limits).toEqual([500, 250, 125, 62, 31, 15, 7, 3, 1, 1]);
  const other = new ClaimSize();
  other.tooSlow(100);
  other.arrived(10);
  expect(other.limit(500)).toBe(50);
  other.arrived(50);
  expect(other.limit(500)).toBe(100);
  for (const asked of [100, 200, 400, 800]) other.arrived(asked);
  expect(other.limit(5000)).toBe(5000);
});
