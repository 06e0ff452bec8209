import { stateIs } from '../claim-state.ts';
import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { ClaimSource } from './claim-source.ts';
import { dueSince } from './select-candidates.ts';

export type LaneSource = ClaimSource & { kind: 'lane' };

/**
 * How many due tasks each source has, up to its own bound, without locks: one branch per source on afd_claim. A locking
 * read of an empty lane walks on over the dead entries of all lanes behind it, since it is a range that ends by time. So
 * here the last row of the lane is looked for first, by equal columns, where the engine stops with the lane; only where
 * there is one are the due ones counted, with `attempt`, which needs the row: the engine then asks about the range's end
 * more often. Figures: `npm run bench -- dead-entries`. Rows that another claim holds count too.
 */
export function countDueStatement(
  names: TableNames,
  sources: LaneSource[],
  bounds: number[],
): { sql: string; values: unknown[] } {
  const lane = `FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ?`;
  const branches = sources.map((source, n) => {
    const due = dueSince(source.cursor);
    const laneRank = [source.lane, source.claim_rank];
    const sql = `(SELECT ${n} AS n, (SELECT COUNT(attempt) FROM (SELECT attempt ${lane} AND ${due.sql} LIMIT ${bounds[n]}) some) AS due
      FROM (SELECT id ${lane} ORDER BY due_at DESC, id DESC LIMIT 1) last)`;
    return { sql, values: [...laneRank, ...due.values, ...laneRank] };
  });
  return { sql: branches.map((one) => one.sql).join(' UNION ALL '), values: branches.flatMap((one) => one.values) };
}

/** The counts, in the order of the sources. */
export function dueCounts(rows: Row[], count: number): number[] {
  const due = new Map(rows.map((row) => [Number(row.n), Number(row.due)]));
  return Array.from({ length: count }, (_, n) => due.get(n) ?? 0);
}
