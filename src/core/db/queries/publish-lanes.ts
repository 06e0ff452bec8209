import { DatabaseError, isConnectionLost } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LanePair } from './due-work.ts';
import { type LaneHead, START } from './peek-lanes.ts';

const COLUMNS = 'lane, claim_rank, task_type, required_capabilities, head_due_at, head_id, able, published_at';

export interface PublishedHead extends LaneHead {
  /** Online devices that can run the lane; absent = not counted. */
  able?: number;
}

/** The part of the pairs' order that was walked, and pairs elsewhere that are given up. */
export interface Walked {
  /** Behind this pair; absent = from the beginning. */
  after?: LanePair;
  /** Up to this one; absent = to the end. */
  upTo?: LanePair | undefined;
  dropped?: LanePair[];
}

export interface Publication {
  /** Rows that vanished. */
  vanished: number;
  /** Heads that the table refuses, such as a type that is longer than its column. */
  refused: Array<{ head: PublishedHead; error: Error }>;
}

/**
 * Overwrites the walked part of af_lane with what was peeked: every pair in, every other row of that part out. A row that is
 * refused keeps no other from being published. Inside a fenced transaction, so that two leaders cannot mix. By PRIMARY.
 * No heads = that part of the table becomes empty. @throws DatabaseError
 */
export async function publishLanes(
  session: Session,
  names: TableNames,
  heads: PublishedHead[],
  { after = START, upTo, dropped = [] }: Walked = {},
): Promise<Publication> {
  const [clock] = await session.rows<{ now: string }>('SELECT UTC_TIMESTAMP(3) AS now');
  const refused: Publication['refused'] = [];
  await write(session, names, heads, clock?.now, refused);
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
  const pairs = dropped.map((pair) => [pair.lane, pair.claim_rank]);
  const more = await session.write(`DELETE FROM ${names.lane} WHERE (lane, claim_rank) IN (?)`, [pairs]);
  return { vanished: gone.affectedRows + more.affectedRows, refused };
}

/** All at once; what is refused in halves, down to the row that it is. A refused statement undoes itself alone. */
async function write(
  session: Session,
  names: TableNames,
  heads: PublishedHead[],
  now: string | undefined,
  refused: Publication['refused'],
): Promise<void> {
  if (heads.length === 0) return;
  const rows = heads.map(({ lane, claim_rank, task_type, required_capabilities, due_at, id, able }) => {
    // One lane with NULL, and no JSON.
    return [lane, claim_rank, task_type, required_capabilities || null, due_at, id, able ?? null, now];
  });
  try {
    await session.write(
      `INSERT INTO ${names.lane} (${COLUMNS}) VALUES ?
       ON DUPLICATE KEY UPDATE task_type = VALUES(task_type), required_capabilities = VALUES(required_capabilities),
         head_due_at = VALUES(head_due_at), head_id = VALUES(head_id), able = VALUES(able),
         published_at = VALUES(published_at)`,
      [rows],
    );
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.retry === 'transaction' || isConnectionLost(error)) throw error;
    if (heads.length === 1) {
      refused.push({ head: heads[0]!, error });
      return;
    }
    const half = Math.ceil(heads.length / 2);
    await write(session, names, heads.slice(0, half), now, refused);
    await write(session, names, heads.slice(half), now, refused);
  }
}
