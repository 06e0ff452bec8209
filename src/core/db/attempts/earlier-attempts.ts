import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { AttemptRef } from './orphaned-assignments.ts';

/**
 * Open attempts that earlier processes of this device id left. Reads idx_device_id, locks nothing. No rows = they left
 * none, or others have taken them back.
 */
export async function earlierAttempts(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
): Promise<AttemptRef[]> {
  return session.rows<AttemptRef>(
    `SELECT id, task_id, claim_token FROM ${names.assignment} FORCE INDEX (idx_device_id)
     WHERE device_id = ? AND status IN ('assigned', 'running') AND NOT (instance_token <=> ?)`,
    [deviceId, instanceToken],
  );
}
