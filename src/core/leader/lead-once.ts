// `afd leader --once`: takes the lease if there is no leader, does every duty once, gives up the lease. For cron.
import type { Context } from '../context/context.ts';
import { StartWait } from '../context/start-wait.ts';
import { signOffDevice } from '../db/devices/sign-off-device.ts';
import { readLease } from '../db/leader/read-lease.ts';
import { assumeIdentity } from '../node/device-identity.ts';
import { electorFor, livenessSettings, type NodeFacts } from '../node/liveness-settings.ts';
import { Keyring } from '../secrets/keyring.ts';
import { Duties, type DutiesReport } from './duties.ts';

export interface LeaderOnceResult {
  device_id: string;
  /** False = another node leads, named by `leader`; that is no failure. */
  led: boolean;
  leader: string | null;
  term: number | null;
  duties: DutiesReport | null;
}

export interface LeadOnceFacts extends NodeFacts {
  /** Seconds that the start may wait for the database; absent = none. */
  waitDatabaseS?: number | undefined;
}

/** @throws AfdError E_DEVICE_RUNNING, DatabaseError */
export async function leadOnce(context: Context, facts: LeadOnceFacts): Promise<LeaderOnceResult> {
  const { config, names, events } = context;
  // First: it brings the fleet's values.
  const startWait = new StartWait({ seconds: facts.waitDatabaseS ?? 0, events });
  const session = await startWait.run(() => context.session({ multiStatements: true }));
  const settings = livenessSettings(context, facts, {
    deviceType: 'master',
    capabilities: {},
    slots: 0,
    contend: true,
  });
  const identity = await assumeIdentity(session, names, settings, () => false);
  const { deviceId, instanceToken } = identity;
  const elector = electorFor(settings, identity, names, { onGained: () => {}, onLost: () => {} });
  try {
    await elector.step(session);
    const { term } = elector;
    if (term === undefined) {
      const lease = await readLease(session, names, config.master.lock_trust_after_start);
      const other = { leader: lease?.holder ?? null, term: lease?.term ?? null };
      events.emit('leader:other', other);
      return { device_id: deviceId, led: false, ...other, duties: null };
    }
    const work = await context.session({ multiStatements: true });
    const keyring = Keyring.of(context.resolved);
    const duties = new Duties({ session: work, names, config, keyring, events, deviceId, term });
    const report = await duties.runOnceAll({ once: true });
    await elector.resign(session);
    return { device_id: deviceId, led: true, leader: deviceId, term, duties: report };
  } finally {
    await elector.close();
    await signOffDevice(session, names, deviceId, instanceToken);
  }
}
