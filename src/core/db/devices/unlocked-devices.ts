import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A device whose session lock was free at this moment, or whose lease was over, with all that moves when it comes back. */
export interface UnlockedDevice {
  device_id: string;
  instance_token: Buffer | null;
  last_heartbeat: string | null;
  lock_taken_at: string | null;
  /** Of a device behind a gateway. */
  lease_until?: string | null;
}

/**
 * Devices that are not offline and whose session lock is free, though it was taken on this very server since its start;
 * or that have a lease instead, which is over. Only when the server is old enough for either to be trusted. Non-locking; reads the whole device table (1,000 devices: 0.5
 * ms). `startedAt` is exact to a second only, hence the allowance of two. Zero rows = none to watch.
 */
export async function unlockedDevices(
  session: Session,
  names: TableNames,
  trustAfterStartS: number,
): Promise<UnlockedDevice[]> {
  const { serverName, startedAt } = session.facts;
  return session.rows<UnlockedDevice>(
    `SELECT device_id, instance_token, last_heartbeat, lock_taken_at, lease_until FROM ${names.device}
     WHERE status <> 'offline' AND UTC_TIMESTAMP(3) >= CAST(? AS DATETIME(3)) + INTERVAL ? MICROSECOND
       AND (lease_until < UTC_TIMESTAMP(3) OR (lock_name IS NOT NULL AND lock_server = ?
         AND lock_taken_at >= CAST(? AS DATETIME(3)) - INTERVAL 2 SECOND
         AND IS_USED_LOCK(COALESCE(lock_name, 'afd:none')) IS NULL))`,
    [startedAt, Math.round(trustAfterStartS * 1e6), serverName, startedAt],
  );
}
