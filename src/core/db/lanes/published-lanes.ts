import type { KnownLane, LaneRank } from '../../domain/lane.ts';
import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A lane as the leader published it. `due`: its head was due then. */
export type PublishedLane = KnownLane & { able: number | null; due: 0 | 1 };

const MOST = 1000;
/** Of these, places that are drawn among all due lanes when there are more of them. */
const DRAWN = 300;

/**
 * A branch of the tick: the published lanes of these types that are not known as they are now: what is due first, then
 * the best. Reads af_lane whole, which has a row per (lane, rank) with pending tasks. If there are more rows than it
 * returns, it draws some of them: else lanes that this device cannot run would keep those behind them from it for ever.
 * No rows = nothing is new.
 *
 * The draw is a checksum of the lane, the moment and the session: RAND() would make MariaDB sort in a temporary table, and on
 * disk because of the document, which cost each tick of an idle device a millisecond (`npm run bench -- fleet`).
 */
export function publishedLanesDocument(
  names: TableNames,
  { types, known }: { types: string[]; known: Array<LaneRank & { able: number | null }> },
): { sql: string; values: unknown[] } {
  const others = known.length === 0 ? '' : 'AND (lane, claim_rank, COALESCE(able, -1)) NOT IN (?)';
  const drawn = `(SELECT IF(COUNT(*) > ${MOST}, ${DRAWN} / COUNT(*), 0) FROM ${names.lane} WHERE head_due_at <= NOW(3))`;
  const draw = 'CRC32(CONCAT(lane, claim_rank, NOW(6), CONNECTION_ID())) / 4294967296';
  return {
    sql: `SELECT 'lane', claim_rank, JSON_OBJECT('lane', HEX(lane), 'claim_rank', claim_rank, 'task_type', task_type,
            'required_capabilities', CAST(required_capabilities AS CHAR), 'able', able, 'due', head_due_at <= NOW(3))
          FROM ${names.lane} WHERE task_type IN (?) ${others}
          ORDER BY head_due_at > NOW(3), ${draw} >= ${drawn}, claim_rank, head_due_at LIMIT ${MOST}`,
    values: [
      types.length === 0 ? [''] : types,
      ...(known.length === 0 ? [] : [known.map((one) => [one.lane, one.claim_rank, one.able ?? -1])]),
    ],
  };
}

export function publishedLaneOf(document: Row): PublishedLane {
  return { ...(document as PublishedLane), lane: Buffer.from(document.lane, 'hex'), due: document.due ? 1 : 0 };
}
