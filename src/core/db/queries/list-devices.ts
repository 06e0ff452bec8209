import type { DeviceView } from '../../domain/placement/device-view.ts';
import { amountOf, rowProblems, textsOf } from '../device-values.ts';
import { fromJson, fromJsonObject, utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceRow extends Pick<DeviceView, 'held' | 'served' | 'success_rate' | 'avg_duration_ms'> {
  device_id: string;
  device_name: string;
  device_type: 'master' | 'worker' | 'gateway';
  ip_address: string;
  port: number;
  /** As stored: what the device, or the leader about it, said last. */
  stored_status: 'online' | 'offline' | 'busy';
  operator_state: 'active' | 'paused' | 'draining' | 'quarantined';
  capabilities: Record<string, unknown>;
  max_concurrent_tasks: number;
  /** Open assignments, counted now. */
  current_tasks: number;
  last_heartbeat: string | null;
  /** Seconds by the database's clock; null = it never sent one. */
  heartbeat_age: number | null;
  region: string | null;
  labels: unknown;
  version: string | null;
  is_leader: boolean;
  created_at: string | null;
  /** What in its row cannot be used, in words. Empty = nothing. */
  problems: string[];
}

/**
 * Every device with what it runs and how long it has been silent, by the database's clock. Non-locking. The open
 * assignments are counted over idx_status, so finished ones are not read. `deviceId` narrows it to one (any case);
 * zero rows = there is no such device.
 */
export async function listDevices(session: Session, names: TableNames, deviceId?: string): Promise<DeviceRow[]> {
  const rows = await session.rows(
    `SELECT d.device_id, d.device_name, d.device_type, d.ip_address, d.port, d.status, d.operator_state, d.capabilities,
            d.max_concurrent_tasks, d.last_heartbeat, d.held, d.served, d.success_rate, d.avg_duration_ms, d.region, d.labels, d.version, d.created_at,
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

function deviceOf(row: Row): DeviceRow {
  return {
    device_id: row.device_id,
    device_name: row.device_name,
    device_type: row.device_type,
    ip_address: row.ip_address,
    port: Number(row.port),
    // '' is what a server without a strict mode keeps of a word that it does not know.
    stored_status: row.status || 'offline',
    operator_state: row.operator_state,
    capabilities: fromJsonObject(row.capabilities),
    max_concurrent_tasks: amountOf(row.max_concurrent_tasks) ?? 0,
    current_tasks: Number(row.current_tasks),
    last_heartbeat: utcToIso(row.last_heartbeat),
    heartbeat_age: row.heartbeat_age === null ? null : Number(row.heartbeat_age),
    held: textsOf(row.held),
    served: amountOf(row.served) ?? 0,
    success_rate: amountOf(row.success_rate, 1),
    avg_duration_ms: amountOf(row.avg_duration_ms),
    region: row.region,
    labels: fromJson(row.labels),
    version: row.version,
    is_leader: Number(row.is_leader) === 1,
    created_at: utcToIso(row.created_at),
    problems: rowProblems(row),
  };
}
