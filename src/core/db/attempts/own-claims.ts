import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { DeferredClaimRef } from './deferred-claims.ts';
import type { AttemptRef } from './orphaned-assignments.ts';

/**
 * Deferred claims of this very process. Non-locking; running tasks by afd_claim. Zero rows = it holds none.
 * @throws DatabaseError
 */
export async function ownDeferredClaims(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
): Promise<DeferredClaimRef[]> {
  return session.rows<DeferredClaimRef>(
    `SELECT id AS task_id, claim_token, claimed_by AS device_id, 0 AS orphaned FROM ${names.task} FORCE INDEX (afd_claim)
     WHERE ${stateIs('running')} AND claimed_by = ? AND claim_token IS NOT NULL AND claim_instance = ?`,
    [deviceId, instanceToken],
  );
}

export interface OwnAttempt extends AttemptRef {
  status: 'assigned' | 'running';
}

/** Open attempts of this very process that have rows. Non-locking; idx_device_id. Zero rows = none. @throws DatabaseError */
export async function ownAttempts(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
): Promise<OwnAttempt[]> {
  return session.rows<OwnAttempt>(
    `SELECT id, task_id, device_id, claim_token, status FROM ${names.assignment} FORCE INDEX (idx_device_id)
     WHERE device_id = ? AND status IN ('assigned', 'running') AND instance_token = ?`,
    [deviceId, instanceToken],
  );
}
