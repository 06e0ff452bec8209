import type { LaneRank } from '../../domain/lane.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { type LaneHead, START } from './discover-lanes.ts';
import { insertLanes, type RefusedHead } from './insert-lanes.ts';

/** The part of the order that was walked, and lanes and ranks elsewhere that are dropped. */
export interface Walked {
  /** Behind this lane and rank; absent = from the beginning. */
  after?: LaneRank;
  /** Up to this one; absent = to the end. */
  upTo?: LaneRank | undefined;
  dropped?: LaneRank[];
}

export interface Publication {
  /** Rows that vanished. */
  vanished: number;
  /** Heads that the table refuses. */
  refused: RefusedHead[];
}

/**
 * Overwrites the walked part of af_lane with what was read: every lane and rank in, every other row of that part out. A
 * row that is refused keeps no other from being published. Inside a fenced transaction, so that two leaders cannot mix.
 * By PRIMARY. No heads = that part of the table becomes empty. @throws DatabaseError
 */
export async function publishLanes(
  session: Session,
  names: TableNames,
  heads: LaneHead[],
  { after = START, upTo, dropped = [] }: Walked = {},
): Promise<Publication> {
  const [clock] = await session.rows<{ now: string }>('SELECT UTC_TIMESTAMP(3) AS now');
  const refused = await insertLanes(session, names, heads, clock?.now);
  const bounds = [after.lane, after.lane, after.claim_rank];
  const end = upTo === undefined ? '' : 'AND (lane < ? OR (lane = ? AND claim_rank <= ?))';
  const ends = upTo === undefined ? [] : [upTo.lane, upTo.lane, upTo.claim_rank];
  const others = heads.length === 0 ? '' : 'AND (lane, claim_rank) NOT IN (?)';
  const kept = heads.length === 0 ? [] : [heads.map((h) => [h.lane, h.claim_rank])];
  const gone = await session.write(
    `DELETE FROM ${names.lane} WHERE (lane > ? OR (lane = ? AND claim_rank > ?)) ${end} ${others}`,
    [...bounds, ...ends, ...kept],
  );
  if (dropped.length === 0) return { vanished: gone.affectedRows, refused };
  const ranks = dropped.map((laneRank) => [laneRank.lane, laneRank.claim_rank]);
  const more = await session.write(`DELETE FROM ${names.lane} WHERE (lane, claim_rank) IN (?)`, [ranks]);
  return { vanished: gone.affectedRows + more.affectedRows, refused };
}
