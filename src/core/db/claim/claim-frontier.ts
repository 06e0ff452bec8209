import { stateIs } from '../claim-state.ts';
import type { TableNames } from '../table-names.ts';
import type { ClaimSource } from './claim-source.ts';

/**
 * Sets the session's variables to where a claim of this pair begins: its mark, or the furthest task of the pair that runs
 * anywhere, if that is behind the mark. Without it each of n workers walks over what the n − 1 others have claimed since its
 * own last claim. One seek of afd_claim, no lock; sent in front of the candidate statement, in the same packet.
 */
export function frontierStatement(
  names: TableNames,
  source: ClaimSource,
): { sql: string; values: unknown[] } | undefined {
  if (source.kind !== 'lane' || source.frontier !== true || source.cursor === undefined) return undefined;
  const { due_at, id } = source.cursor;
  const further = 'f.due_at > ? OR (f.due_at = ? AND f.id > ?)';
  return {
    sql: `SELECT IF(${further}, f.due_at, ?), IF(${further}, f.id, ?) INTO @afd_due, @afd_id
          FROM (SELECT 1 AS one) one LEFT JOIN (SELECT due_at, id FROM ${names.task} FORCE INDEX (afd_claim)
            WHERE ${stateIs('running')} AND lane = ? AND claim_rank = ? ORDER BY due_at DESC, id DESC LIMIT 1) f ON TRUE`,
    values: [due_at, due_at, id, due_at, due_at, due_at, id, id, source.lane, source.claim_rank],
  };
}

/** Behind that statement: what is due, from there on. */
export const DUE_SINCE_FRONTIER = {
  sql: '((due_at = @afd_due AND id >= @afd_id) OR (due_at > @afd_due AND due_at <= NOW(3)))',
  values: [],
};
