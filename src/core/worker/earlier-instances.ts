import { earlierDeferredClaims } from '../db/attempts/deferred-claims.ts';
import { earlierAttempts } from '../db/attempts/earlier-attempts.ts';
import { endDeferredClaims } from '../db/attempts/end-deferred-claims.ts';
import { lockAttempt } from '../db/attempts/lock-attempt.ts';
import { rescueAssignment } from '../db/attempts/rescue-assignment.ts';
import { readTextWidths } from '../db/claim/text-widths.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { transaction } from '../db/transaction.ts';
import { type EndPolicy, endLost, fittedEnd } from '../domain/attempt/lost.ts';

const CHUNK = 500;

/**
 * Closes what earlier processes of this device id left open: they are gone, since this one holds the session lock. One
 * transaction each; what another process locks is left to the leader's health check. Returns how many were closed.
 */
export async function closeEarlierInstances(
  session: Session,
  names: TableNames,
  device: { deviceId: string; instanceToken: Buffer },
  policy: EndPolicy,
): Promise<number> {
  const deferred = await earlierDeferredClaims(session, names, device.deviceId, device.instanceToken);
  const open = await earlierAttempts(session, names, device.deviceId, device.instanceToken);
  if (deferred.length + open.length === 0) return 0;
  const widths = await readTextWidths(session, names);
  let closed = 0;
  for (let at = 0; at < deferred.length; at += CHUNK) {
    const refs = deferred.slice(at, at + CHUNK);
    closed += await transaction(session, () => endDeferredClaims(session, names, refs, () => 'superseded', widths));
  }
  for (const ref of open) {
    closed += await transaction(session, async () => {
      const locked = await lockAttempt(session, names, ref);
      if (locked === undefined) return 0;
      const end = endLost(locked.attempt, locked.task, 'superseded', policy);
      await rescueAssignment(session, names, locked, fittedEnd(end, widths));
      return 1;
    });
  }
  return closed;
}
