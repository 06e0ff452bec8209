// Invariant: only the instance that owns a device id has its lease extended. A device that was declared dead by mistake is back
// with this, as with a heartbeat. Index: device_id. Fewer rows than devices: the others belong to another instance, or are gone.
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface LeasedInstance {
  device_id: string;
  instance_token: Buffer;
}

/**
 * Extends the leases of these devices to `leaseS` seconds from now, in one round trip. `here`: they wait at this gateway, or came to
 * it: they are rung here, and the lease is this gateway's. Else one that is longer stays, because the device has called another
 * gateway since. Tokens are random, so that no token of
 * the list is that of another device in it. Needs `multiStatements`. @throws DatabaseError
 */
export async function renewLeases(
  session: Session,
  names: TableNames,
  devices: LeasedInstance[],
  { gatewayId, leaseS, here }: { gatewayId: string; leaseS: number; here: boolean },
): Promise<{ renewed: number; lease_until: string }> {
  // `updated_at` stays: it says when something changed that another process should read.
  const [, written, until] = await session.batch([
    {
      sql: 'SET @afd_lease = CAST(UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND AS DATETIME(3))',
      values: [Math.round(leaseS * 1e6)],
    },
    {
      sql: `UPDATE ${names.device} SET gateway_id = ${here ? '?' : 'COALESCE(gateway_id, ?)'},
              lease_until = ${here ? '@afd_lease' : 'IF(lease_until > @afd_lease, lease_until, @afd_lease)'}, last_heartbeat = UTC_TIMESTAMP(3),
              status = IF(status = 'offline', 'online', status)
            WHERE device_id IN (?) AND instance_token IN (?)`,
      values: [gatewayId, devices.map((one) => one.device_id), devices.map((one) => one.instance_token)],
    },
    { sql: 'SELECT CAST(CAST(@afd_lease AS DATETIME(3)) AS CHAR) AS lease_until' },
  ]);
  return { renewed: written!.affectedRows, lease_until: String((until as Row[])[0]?.lease_until) };
}
