import type { LaneRank } from '../../domain/lane.ts';
import { stateIs } from '../claim-state.ts';
import { requirementsColumn } from '../requirements-text.ts';
import type { TableNames } from '../table-names.ts';

/**
 * The head of the first pair behind `after`; with `provided`, only while that pair has a task. Index: afd_claim, in its
 * order. Non-locking. Zero rows: no pair follows, or `provided` has no task.
 *
 * A hop passes over the dead entries before the head that it finds, and no bound of its range ends it there. So hops from
 * many pairs that were emptied at once would each pass over all that follow. The condition prevents that: a read of one pair
 * by equality is ended by the engine where the pair ends, dead entries or not.
 */
export function seekStatement(
  names: TableNames,
  after: LaneRank,
  provided?: LaneRank,
): { sql: string; values: unknown[] } {
  const pending = `FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${stateIs('pending')}`;
  const condition =
    provided === undefined ? '' : ` AND (SELECT 1 ${pending} AND lane = ? AND claim_rank = ? LIMIT 1) = 1`;
  return {
    sql: `SELECT lane, claim_rank, due_at, id, task_type, ${requirementsColumn('required_capabilities')}
      ${pending} AND (lane > ? OR (lane = ? AND claim_rank > ?))${condition}
      ORDER BY lane, claim_rank, due_at, id LIMIT 1`,
    values: [
      ...[after.lane, after.lane, after.claim_rank],
      ...(provided === undefined ? [] : [provided.lane, provided.claim_rank]),
    ],
  };
}
