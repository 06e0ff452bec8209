import { expect, test } from 'vitest';
import { assertLeaseTimes } from '../../../../src/core/election/lease-times.ts';

const DEFAULTS = { leaseDurationS: 10, leaseTrustS: 7, leaseRenewIntervalS: 2.5 };

test.each([
  [{ leaseDurationS: 7 }, /lease_duration \(7 s\) must be longer than master.lease_trust/],
  [{ leaseTrustS: 2.5 }, /lease_trust \(2.5 s\) must be longer than/],
  [{ leaseRenewIntervalS: 0 }, /must be more than 0/],
])('%o is refused: a lease must outlive the trust in it, and trust the renewal interval', (times, why) => {
  expect(() => assertLeaseTimes(DEFAULTS)).not.toThrow();
  expect(() => assertLeaseTimes({ ...DEFAULTS, ...times })).toThrow(why);
});
