import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { AttemptRef, Page } from './orphaned-assignments.ts';

/**
 * Open attempts past their deadline: the holder should have ended them `deadline_slack` ago. Non-locking; range of
 * idx_status. Zero rows = none. Being here says nothing about the task: another attempt may have finished it.
 */
export async function overdueAssignments(session: Session, names: TableNames, page: Page): Promise<AttemptRef[]> {
  return session.rows<AttemptRef>(
    `SELECT id, task_id, device_id, claim_token FROM ${names.assignment} FORCE INDEX (idx_status)
     WHERE status IN ('assigned', 'running') AND deadline_at < UTC_TIMESTAMP(3) AND id > ?
     ORDER BY id LIMIT ${page.limit}`,
    [page.after],
  );
}
