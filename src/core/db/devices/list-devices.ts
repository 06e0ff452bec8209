import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { type DeviceRow, deviceOf } from './device-row.ts';

/**
 * Every device with what it runs and how long it has been silent, by the database's clock. Non-locking. The open
 * assignments are counted over idx_status, so finished ones are not read. `deviceId` narrows it to one (any case);
 * zero rows = there is no such device.
 */
export async function listDevices(session: Session, names: TableNames, deviceId?: string): Promise<DeviceRow[]> {
  const rows = await session.rows(
    `SELECT d.device_id, d.device_name, d.device_type, d.ip_address, d.port, d.status, d.operator_state, d.capabilities,
            d.max_concurrent_tasks, d.last_heartbeat, d.over_limits, d.stuck, d.recent_claims, d.success_rate, d.avg_duration_ms, d.region, d.labels, d.version, d.created_at, d.gateway_id,
            TIMESTAMPDIFF(MICROSECOND, d.last_heartbeat, UTC_TIMESTAMP(3)) / 1000000 AS heartbeat_age,
            COALESCE(a.open_count, 0) AS current_tasks, l.name IS NOT NULL AS is_leader
     FROM ${names.device} d
     LEFT JOIN (SELECT device_id, COUNT(*) AS open_count FROM ${names.assignment} FORCE INDEX (idx_status)
                WHERE status IN ('assigned', 'running') GROUP BY device_id) a ON a.device_id = d.device_id
     LEFT JOIN ${names.leader} l
       ON l.name = 'leader' AND l.holder = d.device_id AND l.expires_at > UTC_TIMESTAMP(3)
     ${deviceId === undefined ? '' : 'WHERE d.device_id = ?'} ORDER BY d.device_type, d.device_id`,
    deviceId === undefined ? [] : [deviceId],
  );
  return rows.map(deviceOf);
}
