import { stateIs } from '../claim-state.ts';
import type { TableNames } from '../table-names.ts';
import type { Cursor } from './claim-source.ts';

/**
 * Non-locking: the first due row of a (lane, rank) at or before the cursor. A row that lies before it was put back, or
 * was inserted with an earlier due time: the cursor must move back to it. Compared outside as in due-work.ts.
 */
export function cursorCheckStatement(
  names: TableNames,
  lane: Buffer,
  claimRank: number,
  cursor: Cursor,
): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT due_at, id FROM (SELECT due_at, id FROM ${names.task} FORCE INDEX (afd_claim)
          WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? ORDER BY due_at, id LIMIT 1) head
          WHERE due_at <= ?`,
    values: [lane, claimRank, cursor.due_at],
  };
}
