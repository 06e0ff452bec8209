import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A device as it was seen when it was judged. */
export interface SeenDevice {
  device_id: string;
  instance_token: Buffer | null;
  last_heartbeat: string | null;
}

/**
 * Declares a device dead: the first write of every rescue, and the only one that needs the judgement. By lock, the lock
 * must still be free, or the lease over, in this very statement; and by neither sign is a device dead whose lease is valid. One row by device_id. Zero rows (false) = it has shown life since it was
 * read, or another process declared it dead: nothing follows from what was read. Inside a fenced transaction.
 */
export async function markDeviceDead(
  session: Session,
  names: TableNames,
  seen: SeenDevice,
  by: 'lock' | 'heartbeat',
): Promise<boolean> {
  const result = await session.write(
    `UPDATE ${names.device} SET status = 'offline', updated_at = UTC_TIMESTAMP(3)
     WHERE device_id = ? AND status <> 'offline' AND instance_token <=> ? AND last_heartbeat <=> ?
       AND NOT COALESCE(lease_until > UTC_TIMESTAMP(3), 0)
       AND (? = 'heartbeat' OR lease_until IS NOT NULL OR IS_USED_LOCK(COALESCE(lock_name, 'afd:none')) IS NULL)`,
    [seen.device_id, seen.instance_token, seen.last_heartbeat, by],
  );
  return result.affectedRows === 1;
}
