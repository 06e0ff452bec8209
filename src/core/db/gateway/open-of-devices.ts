// The open attempts of several devices, over idx_device_id, no lock. Zero rows: they hold none (but deferred claims).
import type { OpenAssignment } from '../attempts/open-assignments.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceOpenAttempt extends Omit<OpenAssignment, 'revoke_outcome'> {
  device_id: string;
}

export function openOfDevicesStatement(names: TableNames, deviceIds: string[]): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT device_id, id AS assignment_id, task_id, claim_token, revoked_at IS NOT NULL AS revoked, revoked_by
          FROM ${names.assignment} FORCE INDEX (idx_device_id)
          WHERE device_id IN (?) AND status IN ('assigned', 'running')`,
    values: [deviceIds],
  };
}

export function openOfDevice(row: Row): DeviceOpenAttempt {
  return { ...(row as DeviceOpenAttempt), revoked: Number(row.revoked) === 1 };
}

/** @throws DatabaseError */
export async function openOfDevices(session: Session, names: TableNames, ids: string[]): Promise<DeviceOpenAttempt[]> {
  if (ids.length === 0) return [];
  const { sql, values } = openOfDevicesStatement(names, ids);
  return (await session.rows(sql, values)).map(openOfDevice);
}
