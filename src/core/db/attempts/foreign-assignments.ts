import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { AttemptRef, Page } from './orphaned-assignments.ts';

/**
 * Open attempts whose task is gone, not running, or held under another token: another program changed it. Claims and
 * finishes write both rows in one transaction, so no statement of ours shows up here. Non-locking; open rows by
 * idx_status, the task by PRIMARY. Zero rows = none.
 */
export async function foreignAssignments(session: Session, names: TableNames, page: Page): Promise<AttemptRef[]> {
  return session.rows<AttemptRef>(
    `SELECT a.id, a.task_id, a.device_id, a.claim_token
     FROM ${names.assignment} a FORCE INDEX (idx_status) LEFT JOIN ${names.task} t ON t.id = a.task_id
     WHERE a.status IN ('assigned', 'running') AND a.id > ?
       AND (t.id IS NULL OR NOT (t.status <=> 'running') OR NOT (t.claim_token <=> a.claim_token))
     ORDER BY a.id LIMIT ${page.limit}`,
    [page.after],
  );
}
