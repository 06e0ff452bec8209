import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * True when some device sent a heartbeat in each third of the last `windowS` seconds: the database could be reached
 * throughout, so whoever was silent all that time has nobody else to blame. Non-locking; range of idx_heartbeat_time.
 * Zero rows = no heartbeat of anybody: false.
 */
export async function heartbeatCoverage(session: Session, names: TableNames, windowS: number): Promise<boolean> {
  const window = Math.round(windowS * 1e6);
  const [row] = await session.rows<{ thirds: number }>(
    `SELECT COUNT(DISTINCT FLOOR(TIMESTAMPDIFF(MICROSECOND, heartbeat_time, UTC_TIMESTAMP(3)) * 3 / ?)) AS thirds
     FROM ${names.heartbeat}
     WHERE heartbeat_time > UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND AND heartbeat_time <= UTC_TIMESTAMP(3)`,
    [window, window],
  );
  return (row?.thirds ?? 0) >= 3;
}
