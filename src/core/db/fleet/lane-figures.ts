// What is known of lanes and ranks besides their heads: how many tasks wait there, counted over afd_claim up to a bound, and what the
// leader has published (af_lane whole, a row per lane and rank with work). In one round trip, without a lock, with the
// database's time. No published row: the leader has not seen it yet.
import { type LaneRank, laneRankKey } from '../../domain/lane.ts';
import { stateIs } from '../claim-state.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export const LANE_COUNTED = 1000;

export interface LaneFigures {
  now: string;
  /** In the order that was asked; at most LANE_COUNTED + 1. */
  pending: number[];
  /** By laneRankKey. */
  published: Map<string, { able: number | null; published_at: string | null }>;
}

/** @throws DatabaseError */
export async function laneFigures(
  session: Session,
  names: TableNames,
  lanes: readonly LaneRank[],
): Promise<LaneFigures> {
  const counts = lanes.map(
    (_, n) => `SELECT ${n} AS place, COUNT(*) AS n FROM (SELECT 1 FROM ${names.task} FORCE INDEX (afd_claim)
      WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? LIMIT ${LANE_COUNTED + 1}) AS l${n}`,
  );
  const values = lanes.flatMap(({ lane, claim_rank }) => [lane, claim_rank]);
  const [now, rows, counted = []] = await session.batch([
    { sql: 'SELECT UTC_TIMESTAMP(3) AS now' },
    { sql: `SELECT lane, claim_rank, able, published_at FROM ${names.lane} ORDER BY lane, claim_rank LIMIT 5000` },
    ...(counts.length === 0 ? [] : [{ sql: counts.join(' UNION ALL '), values }]),
  ]);
  const pending = new Array<number>(lanes.length).fill(0);
  for (const { place, n } of counted) pending[Number(place)] = Number(n);
  const published = [...rows!].map(
    (row) =>
      [
        laneRankKey(row as LaneRank),
        { able: row.able as number | null, published_at: utcToIso(row.published_at) },
      ] as const,
  );
  return { now: utcToIso(now![0]!.now)!, pending, published: new Map(published) };
}
