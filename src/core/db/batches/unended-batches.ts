// Batches that are sealed and have not ended, in the order in which they were sealed, with one open task of each. Index: afd_unended, which
// has an entry more than this only for batches that are open or have ended; of each batch one entry of afd_batch. Without a lock.
// `open_task` NULL: none is open. Zero rows: no batch waits for its end.
import { BATCH_OPEN } from '../batch-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Place in that order. `sealed_at` as the server spells it. */
export interface UnendedPlace {
  sealed_at: string;
  id: number;
}

export interface UnendedBatch extends UnendedPlace {
  open_task: number | null;
}

interface Page {
  after: UnendedPlace | undefined;
  limit: number;
}

/** @throws DatabaseError */
export async function unendedBatches(session: Session, names: TableNames, page: Page): Promise<UnendedBatch[]> {
  const { sql, values } = unendedStatement(names, page);
  return session.rows(sql, values);
}

export function unendedStatement(names: TableNames, { after, limit }: Page): { sql: string; values: unknown[] } {
  const behind =
    after === undefined
      ? 'b.sealed_at IS NOT NULL'
      : 'b.sealed_at >= ? AND (b.sealed_at > ? OR (b.sealed_at = ? AND b.id > ?))';
  const values = after === undefined ? [] : [after.sealed_at, after.sealed_at, after.sealed_at, after.id];
  // Read, not EXISTS: MariaDB would join every open task of a batch first.
  return {
    sql: `SELECT b.id, b.sealed_at, (SELECT t.id FROM ${names.task} t FORCE INDEX (afd_batch)
       WHERE t.batch_id = b.id AND ${BATCH_OPEN} LIMIT 1) AS open_task
     FROM ${names.batch} b FORCE INDEX (afd_unended)
     WHERE b.ended_at IS NULL AND ${behind} ORDER BY b.sealed_at, b.id LIMIT ?`,
    values: [...values, limit],
  };
}
