import { AfdError } from '../domain/errors.ts';

/** Seconds. */
interface LeaseTimes {
  leaseDurationS: number;
  leaseTrustS: number;
  leaseRenewIntervalS: number;
}

/** lease > trust > renew interval > 0. @throws AfdError E_CONFIG */
export function assertLeaseTimes(options: LeaseTimes): void {
  const { leaseDurationS: lease, leaseTrustS: trust, leaseRenewIntervalS: renew } = options;
  const suggestions = ['set lease_duration > lease_trust > lease_renew_interval under master in afd.yaml'];
  if (!(renew > 0)) {
    throw new AfdError('E_CONFIG', `master.lease_renew_interval (${renew} s) must be more than 0.`, { suggestions });
  }
  if (!(trust > renew)) {
    const why = 'otherwise the leader stops trusting its lease before it renews it';
    throw new AfdError(
      'E_CONFIG',
      `master.lease_trust (${trust} s) must be longer than master.lease_renew_interval (${renew} s): ${why}.`,
      { suggestions },
    );
  }
  if (!(lease > trust)) {
    const why = 'otherwise a leader still trusts a lease that another node may take';
    throw new AfdError(
      'E_CONFIG',
      `master.lease_duration (${lease} s) must be longer than master.lease_trust (${trust} s): ${why}.`,
      { suggestions },
    );
  }
}
