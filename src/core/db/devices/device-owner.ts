import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** What the database knows of the owner of a device id. */
export interface DeviceOwner {
  /** This very connection holds the session lock. */
  locked: boolean;
  /** Instance that the row names, hexadecimal; '' = none. Undefined = there is no row. */
  instance: string | undefined;
}

/** One statement by device_id, no lock. @throws DatabaseError */
export async function deviceOwner(
  session: Session,
  names: TableNames,
  deviceId: string,
  lockName: string,
): Promise<DeviceOwner> {
  const [row] = await session.rows<{ locked: 0 | 1 | null; found: string | null }>(
    `SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS locked,
       (SELECT CONCAT('i', COALESCE(HEX(instance_token), '')) FROM ${names.device} WHERE device_id = ?) AS found`,
    [lockName, deviceId],
  );
  return { locked: row?.locked === 1, instance: row?.found?.slice(1) };
}
