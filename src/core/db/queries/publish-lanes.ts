import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LaneHead } from './peek-lanes.ts';

const COLUMNS = 'lane, claim_rank, task_type, required_capabilities, head_due_at, head_id, able, published_at';

export interface PublishedHead extends LaneHead {
  /** Online devices that can run the lane; absent = not counted. */
  able?: number;
}

/**
 * Overwrites af_lane whole with what was peeked: every pair in, every other row out, one published_at for all. Inside a
 * fenced transaction, so that two leaders cannot mix. By PRIMARY; the delete reads the table, which is small. Returns
 * how many rows vanished; zero heads = an empty table.
 */
export async function publishLanes(session: Session, names: TableNames, heads: PublishedHead[]): Promise<number> {
  const [clock] = await session.rows<{ now: string }>('SELECT UTC_TIMESTAMP(3) AS now');
  const now = clock?.now;
  if (heads.length > 0) {
    const rows = heads.map((h) => [
      h.lane,
      h.claim_rank,
      h.task_type,
      h.required_capabilities,
      h.due_at,
      h.id,
      h.able ?? null,
      now,
    ]);
    await session.write(
      `INSERT INTO ${names.lane} (${COLUMNS}) VALUES ?
       ON DUPLICATE KEY UPDATE task_type = VALUES(task_type), required_capabilities = VALUES(required_capabilities),
         head_due_at = VALUES(head_due_at), head_id = VALUES(head_id), able = VALUES(able),
         published_at = VALUES(published_at)`,
      [rows],
    );
  }
  // By what they are, not by when they were written: two publications may fall into one millisecond.
  const others = heads.length === 0 ? 'TRUE' : '(lane, claim_rank) NOT IN (?)';
  const kept = heads.map((h) => [h.lane, h.claim_rank]);
  return (await session.write(`DELETE FROM ${names.lane} WHERE ${others}`, heads.length === 0 ? [] : [kept]))
    .affectedRows;
}
