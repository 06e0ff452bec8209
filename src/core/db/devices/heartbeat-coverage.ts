import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * True when some device sent a heartbeat in each third of the last `windowS` seconds: the database could be reached
 * throughout, so a device that was silent all that time is itself the cause. Non-locking; range of idx_heartbeat_time.
 * Zero rows = no heartbeat of any device: false.
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
