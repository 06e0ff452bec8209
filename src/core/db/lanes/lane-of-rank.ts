// What the tasks of a (lane, rank) ask for, by one pending row of it. Index: afd_claim. Non-locking; zero rows: nothing is
// pending there any more.
import type { KnownLane, LaneRank } from '../../domain/lane.ts';
import { stateIs } from '../claim-state.ts';
import { requirementsColumn } from '../requirements-text.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export async function laneOfRank(
  session: Session,
  names: TableNames,
  { lane, claim_rank }: LaneRank,
): Promise<KnownLane | undefined> {
  const [row] = await session.rows<KnownLane>(
    `SELECT lane, claim_rank, task_type, ${requirementsColumn('required_capabilities')} FROM ${names.task} FORCE INDEX (afd_claim)
     WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? LIMIT 1`,
    [lane, claim_rank],
  );
  return row;
}
