import { DatabaseError, isConnectionLost } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LaneHead } from './discover-lanes.ts';

const COLUMNS = 'lane, claim_rank, task_type, required_capabilities, head_due_at, head_id, able, published_at';

/** A head that the table refuses, such as one whose type is longer than its column. */
export interface RefusedHead {
  head: LaneHead;
  error: Error;
}

/**
 * Puts these lanes and ranks into af_lane, or overwrites them there, in one statement; what is refused is tried again
 * in halves, down to the refused row. Inside a transaction: a refused statement undoes itself alone, and where it does not
 * (`ServerFacts.sendsFailedRows`) each row has one of its own. By PRIMARY. Returns what was refused.
 * @throws DatabaseError when the transaction or the connection is over
 */
export async function insertLanes(
  session: Session,
  names: TableNames,
  heads: LaneHead[],
  publishedAt: string | undefined,
): Promise<RefusedHead[]> {
  if (heads.length === 0) return [];
  const rows = heads.map(({ lane, claim_rank, task_type, required_capabilities, due_at, id, able }) => {
    // An empty text is one lane with NULL, and no JSON.
    return [lane, claim_rank, task_type, required_capabilities || null, due_at, id, able ?? null, publishedAt];
  });
  const sql = `INSERT INTO ${names.lane} (${COLUMNS}) VALUES ?
     ON DUPLICATE KEY UPDATE task_type = VALUES(task_type), required_capabilities = VALUES(required_capabilities),
       head_due_at = VALUES(head_due_at), head_id = VALUES(head_id), able = VALUES(able),
       published_at = VALUES(published_at)`;
  try {
    if (session.facts.sendsFailedRows) await session.batch(rows.map((row) => ({ sql, values: [[row]] })));
    else await session.write(sql, [rows]);
    return [];
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.retry === 'transaction' || isConnectionLost(error)) throw error;
    if (heads.length === 1) return [{ head: heads[0]!, error }];
    const half = Math.ceil(heads.length / 2);
    const first = await insertLanes(session, names, heads.slice(0, half), publishedAt);
    return [...first, ...(await insertLanes(session, names, heads.slice(half), publishedAt))];
  }
}
