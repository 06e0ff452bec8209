import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { AttemptRef, Page } from './orphaned-assignments.ts';

/**
 * Open attempts that an operator revoked more than `timeoutS` ago and whose holder has not ended them. Non-locking; open
 * rows by idx_status. Zero rows = none.
 */
export async function revokedAssignments(
  session: Session,
  names: TableNames,
  timeoutS: number,
  page: Page,
): Promise<AttemptRef[]> {
  return session.rows<AttemptRef>(
    `SELECT id, task_id, device_id, claim_token FROM ${names.assignment} FORCE INDEX (idx_status)
     WHERE status IN ('assigned', 'running') AND revoked_at < UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND AND id > ?
     ORDER BY id LIMIT ${page.limit}`,
    [Math.round(timeoutS * 1e6), page.after],
  );
}
