import type { ClaimedTask } from '../claim/claimed-task.ts';
import { taskColumns } from '../claim/claimed-task.ts';
import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * The oracle for "did my claim's COMMIT happen?" after a lost connection: what these tokens hold, unbegun and open.
 * Non-locking; reads idx_device_id, and for deferred claims the running tasks by afd_claim. No rows = the claim did not
 * happen (or has been taken back since).
 */
export async function recoverClaims(
  session: Session,
  names: TableNames,
  deviceId: string,
  tokens: Buffer[],
): Promise<Array<ClaimedTask & { claim_token: Buffer }>> {
  if (tokens.length === 0) return [];
  const task = taskColumns('t', 't.attempt - 1');
  return session.rows(
    `(SELECT ${task}, a.id AS assignment_id, a.claim_token
      FROM ${names.assignment} a JOIN ${names.task} t ON t.id = a.task_id AND t.claim_token = a.claim_token
      WHERE a.device_id = ? AND a.status = 'assigned' AND a.claim_token IN (?) AND t.status = 'running')
     UNION ALL
     (SELECT ${task}, NULL AS assignment_id, t.claim_token FROM ${names.task} t FORCE INDEX (afd_claim)
      WHERE ${stateIs('running', 't')} AND t.claimed_by = ? AND t.claim_token IN (?))`,
    [deviceId, tokens, deviceId, tokens],
  );
}
