import { expect, test } from 'vitest';
import { ANY_WIDTHS } from '../../../../../src/core/db/claim/text-widths.ts';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import { NO_CLAIM } from '../../../../../src/core/worker/claim/claim-planner.ts';
import type { ClaimerOptions } from '../../../../../src/core/worker/claim/claimer-options.ts';
import { Claims } from '../../../../../src/core/worker/claim/claims.ts';

const claims = () => new Claims({} as ClaimerOptions, () => ANY_WIDTHS);
const brokenOff = new DatabaseError('E_TEMPORARY', 'The database interrupted a statement.', {
  retry: 'transaction',
  errno: 3024,
});

test('after a claim that the server broke off for its length there is a pause that no news ends, and it doubles', () => {
  const one = claims();
  for (const most of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    one.failed(NO_CLAIM, brokenOff);
    one.news();
    expect(one.plan()).toBe(NO_CLAIM);
    expect(one.againMs()).toBeGreaterThan(most / 2 - 100);
    expect(one.againMs()).toBeLessThanOrEqual(most);
  }
});

test('another error makes no pause', () => {
  const one = claims();
  one.failed(NO_CLAIM, new DatabaseError('E_DATABASE', 'gone', { retry: 'connection', driverCode: 'AFD_DEADLINE' }));
  expect(one.againMs()).toBe(Number.POSITIVE_INFINITY);
});
