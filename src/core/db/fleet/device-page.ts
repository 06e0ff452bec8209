// Devices in the order of their ids, a stretch at a time, without a lock: by the unique key device_id, the open attempts of each
// counted over idx_device_id (covering). With the database's time. Zero rows: no device has a later id.
import { openCount } from '../attempts/open-count.ts';
import { type DeviceRow, deviceOf } from '../devices/device-row.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceWindow {
  /** Ids behind this one; '' = from the first. */
  after: string;
  /** Only ids that begin so; '' = all. */
  start: string;
  limit: number;
}

/** @throws DatabaseError */
export async function devicePage(
  session: Session,
  names: TableNames,
  window: DeviceWindow,
): Promise<{ now: string; devices: DeviceRow[] }> {
  const [now, rows] = await session.batch([
    { sql: 'SELECT UTC_TIMESTAMP(3) AS now' },
    devicePageStatement(names, window),
  ]);
  return { now: utcToIso(now![0]!.now)!, devices: [...rows!].map(deviceOf) };
}

export function devicePageStatement(names: TableNames, { after, start, limit }: DeviceWindow) {
  const pattern = `${start.replace(/[\\%_]/g, '\\$&')}%`;
  return {
    sql: `SELECT d.device_id, d.device_name, d.device_type, d.ip_address, d.port, d.status, d.operator_state, d.capabilities,
            d.max_concurrent_tasks, d.last_heartbeat, d.over_limits, d.stuck, d.recent_claims, d.success_rate,
            d.avg_duration_ms, d.region, d.labels, d.version, d.created_at, d.gateway_id,
            TIMESTAMPDIFF(MICROSECOND, d.last_heartbeat, UTC_TIMESTAMP(3)) / 1000000 AS heartbeat_age,
            ${openCount(names)} AS current_tasks, l.name IS NOT NULL AS is_leader
          FROM ${names.device} d FORCE INDEX (device_id)
          LEFT JOIN ${names.leader} l ON l.name = 'leader' AND l.holder = d.device_id AND l.expires_at > UTC_TIMESTAMP(3)
          WHERE d.device_id > ?${start === '' ? '' : ' AND d.device_id LIKE ?'} ORDER BY d.device_id LIMIT ?`,
    values: [after, ...(start === '' ? [] : [pattern]), limit],
  };
}
