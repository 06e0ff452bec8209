import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { type ClaimSource, dueSince } from './select-candidates.ts';

export type LaneSource = ClaimSource & { kind: 'lane' };

/**
 * How many due tasks each source has, up to its own bound, without locks: one branch per source on afd_claim. A locking
 * read of an empty lane walks on over the dead entries of all lanes behind it; this one costs a tenth of that or less, since
 * it locks nothing and COUNT(attempt) needs the row, so that the engine itself asks where the range ends (figures:
 * `npm run bench -- dead-entries`). Rows that another claim holds are counted too.
 */
export function surveyStatement(
  names: TableNames,
  sources: LaneSource[],
  bounds: number[],
): { sql: string; values: unknown[] } {
  const branches = sources.map((source, n) => {
    const due = dueSince(source.mark);
    const sql = `(SELECT ${n} AS n, COUNT(attempt) AS due FROM (SELECT attempt FROM ${names.task} FORCE INDEX (afd_claim)
      WHERE status = 'pending' AND lane = ? AND claim_rank = ? AND ${due.sql} LIMIT ${bounds[n]}) some)`;
    return { sql, values: [source.lane, source.claim_rank, ...due.values] };
  });
  return { sql: branches.map((one) => one.sql).join(' UNION ALL '), values: branches.flatMap((one) => one.values) };
}

/** The counts, in the order of the sources. */
export function surveyOf(rows: Row[], count: number): number[] {
  const due = new Map(rows.map((row) => [Number(row.n), Number(row.due)]));
  return Array.from({ length: count }, (_, n) => due.get(n) ?? 0);
}
