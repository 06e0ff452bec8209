import { monotonic } from '../runtime/clock.ts';
import type { LivenessSettings, Reporter } from './liveness-messages.ts';

/** Of the time that is left; a busy machine adds some of its own. */
const PART = 0.8;

/**
 * A worker gives up a connection that does not answer for `call_timeout`, and its lock is free until it has another. A leader that renews
 * its lease meanwhile waits for that time without one `lease_renew_interval`. Writes can hang while reads are answered: on Galera while
 * its nodes find out that one is gone. Milliseconds.
 */
export function slowMs(settings: Pick<LivenessSettings, 'callTimeoutMs' | 'leaseRenewMs' | 'lockGraceMs'>): number {
  return Math.max(settings.lockGraceMs, PART * (settings.callTimeoutMs - settings.leaseRenewMs));
}

/** Reports a round of `slowMs` or more, in which other nodes may have given up their connections. Rejects as the round does. */
export async function reportSlow(round: Promise<void>, settings: LivenessSettings, report: Reporter): Promise<void> {
  const begun = monotonic();
  await round;
  if (monotonic() - begun >= slowMs(settings)) report({ kind: 'slow' });
}
