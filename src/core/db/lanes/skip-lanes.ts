import type { LaneRank } from '../../domain/lane.ts';
import { stateIs } from '../claim-state.ts';
import { requirementsColumn } from '../requirements-text.ts';
import type { TableNames } from '../table-names.ts';

/**
 * The head of the first lane and rank behind `after`; with `provided`, only while that one has a task. Index:
 * afd_claim, in its order. Non-locking. Zero rows: none follows, or `provided` has no task.
 *
 * A seek passes over the dead entries before the head that it finds, and no bound of its range ends it there. So seeks
 * from many lanes that were emptied at once would each pass over all that follow. The condition prevents that: the
 * engine ends a read by equality where the lane and rank ends, dead entries or not.
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
