import { expect, test } from 'vitest';
import { tableNames } from '../../../../src/core/db/table-names.ts';
import { Elector } from '../../../../src/core/election/elector.ts';

const elector = (times: Partial<Record<'leaseDurationS' | 'leaseTrustS' | 'leaseRenewIntervalS', number>>) =>
  new Elector({
    deviceId: 'worker-001',
    instanceToken: Buffer.alloc(16),
    names: tableNames({ task: 'af_crawl_task', prefix: 'af_' }),
    leaseDurationS: 10,
    leaseTrustS: 7,
    leaseRenewIntervalS: 2.5,
    lockGraceS: 1,
    lockTrustAfterStartS: 15,
    contend: true,
    onGained: () => {},
    onLost: () => {},
    ...times,
  });

test('the defaults are in order', () => {
  expect(elector({}).isLeader()).toBe(false);
});

test.each([
  [{ leaseDurationS: 7 }, /lease_duration \(7 s\) must be longer than master.lease_trust/],
  [{ leaseTrustS: 2.5 }, /lease_trust \(2.5 s\) must be longer than/],
  [{ leaseRenewIntervalS: 0 }, /must be more than 0/],
])('%o is refused: a lease must outlive the trust in it, and trust the renewal interval', (times, why) => {
  expect(() => elector(times)).toThrow(why);
});
