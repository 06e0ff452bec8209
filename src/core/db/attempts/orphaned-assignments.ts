import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Names an open attempt as it was read; the transaction that ends it reads it again under locks. */
export interface AttemptRef {
  id: number;
  task_id: number;
  device_id: string;
  claim_token: Buffer;
}

/** A page of a list that is walked by assignment id. */
export interface Page {
  after: number;
  limit: number;
}

/**
 * Open attempts without a worker: their device is offline (declared dead, or stopped with work left), removed, or runs
 * as another instance by now. Non-locking; open rows by idx_status, the device by device_id. Zero rows = none.
 */
export async function orphanedAssignments(session: Session, names: TableNames, page: Page): Promise<AttemptRef[]> {
  return session.rows<AttemptRef>(
    `SELECT a.id, a.task_id, a.device_id, a.claim_token
     FROM ${names.assignment} a LEFT JOIN ${names.device} d ON d.device_id = a.device_id
     WHERE a.status IN ('assigned', 'running') AND a.id > ?
       AND (d.device_id IS NULL OR d.status = 'offline'
         OR (a.instance_token IS NOT NULL AND NOT (a.instance_token <=> d.instance_token)))
     ORDER BY a.id LIMIT ${page.limit}`,
    [page.after],
  );
}
