// What the tasks of a (lane, rank) ask for, by one pending row of it. Index: afd_claim. Non-locking; zero rows: nothing is
// pending there any more.
import { stateIs } from '../claim-state.ts';
import { requirementsColumn } from '../requirements-text.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface LaneFacts {
  lane: Buffer;
  task_type: string;
  /** JSON text as the server spells it. */
  required_capabilities: string | null;
}

export async function laneOfRank(
  session: Session,
  names: TableNames,
  lane: Buffer,
  claimRank: number,
): Promise<LaneFacts | undefined> {
  const [row] = await session.rows<LaneFacts>(
    `SELECT lane, task_type, ${requirementsColumn('required_capabilities')} FROM ${names.task} FORCE INDEX (afd_claim)
     WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? LIMIT 1`,
    [lane, claimRank],
  );
  return row;
}
