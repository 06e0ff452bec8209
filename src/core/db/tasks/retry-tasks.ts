// Reads without a lock, so each id is read again under its own lock (retryTask). Index: afd_claim for the status, then
// a sort of ids. Zero rows: nothing fits. Rows that another program ended have no finished_at: their updated_at counts,
// which is in the session's zone.
import { stateIs } from '../claim-state.ts';
import { isoToUtc } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface RetryFilter {
  status: 'failed' | 'cancelled';
  task_type?: string | undefined;
  /** ISO 8601: only what ended then or later. */
  since?: string | undefined;
  limit: number;
}

/** Ids, oldest first. @throws DatabaseError */
export async function retryableTasks(session: Session, names: TableNames, filter: RetryFilter): Promise<number[]> {
  const { status, task_type, since, limit } = filter;
  const where = [stateIs(status)];
  const values: unknown[] = [];
  if (task_type !== undefined) {
    where.push('task_type = ?');
    values.push(task_type);
  }
  if (since !== undefined) {
    where.push('(finished_at >= ? OR (finished_at IS NULL AND updated_at >= FROM_UNIXTIME(?)))');
    values.push(isoToUtc(since), Date.parse(since) / 1000);
  }
  const rows = await session.rows<{ id: number }>(
    `SELECT id FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${where.join(' AND ')} ORDER BY id LIMIT ?`,
    [...values, limit],
  );
  return rows.map((row) => row.id);
}
