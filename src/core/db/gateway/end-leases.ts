// Invariant: a gateway ends only a lease that it has extended itself last: another gateway, or this one, may have extended it
// meanwhile, and then the device is alive (compare and set on lease_until). Index: device_id. Zero rows: so it is.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LeasedInstance } from './renew-leases.ts';

/** Returns how many were ended. `lease_until`: as it was written last. @throws DatabaseError */
export async function endLeases(
  session: Session,
  names: TableNames,
  devices: Array<LeasedInstance & { lease_until: string }>,
): Promise<number> {
  const seen = `CASE device_id ${devices.map(() => 'WHEN ? THEN CAST(? AS DATETIME(3))').join(' ')} END`;
  const { affectedRows } = await session.write(
    `UPDATE ${names.device} SET lease_until = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)
     WHERE device_id IN (?) AND instance_token IN (?) AND lease_until > UTC_TIMESTAMP(3) AND lease_until = ${seen}`,
    [
      devices.map((one) => one.device_id),
      devices.map((one) => one.instance_token),
      ...devices.flatMap((one) => [one.device_id, one.lease_until]),
    ],
  );
  return affectedRows;
}
