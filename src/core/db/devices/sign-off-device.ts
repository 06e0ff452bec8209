import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Says goodbye: the device is offline by its own will. Zero rows = superseded; nothing to say then. */
export async function signOffDevice(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.device} SET status = 'offline', current_tasks = 0, over_limits = NULL, stuck = NULL, updated_at = UTC_TIMESTAMP(3)
     WHERE device_id = ? AND instance_token = ?`,
    [deviceId, instanceToken],
  );
  return affectedRows === 1;
}
