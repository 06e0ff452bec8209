import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A device behind a gateway is offline by its own will, and its lease is over. Zero rows (false) = another instance owns the id. */
export async function signOffBehindGateway(
  session: Session,
  names: TableNames,
  deviceId: string,
  instanceToken: Buffer,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.device} SET status = 'offline', current_tasks = 0, over_limits = NULL, stuck = NULL,
       lease_until = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)
     WHERE device_id = ? AND instance_token = ? AND gateway_id IS NOT NULL`,
    [deviceId, instanceToken],
  );
  return affectedRows === 1;
}
