import type { StuckTask } from '../../domain/placement/device-view.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Readings of a machine; null = could not be read. Percentages 0–100. */
export interface DeviceReadings {
  cpu_usage: number | null;
  memory_usage: number | null;
  disk_usage: number | null;
  system_info: Record<string, unknown> | null;
}

export interface Beat {
  device_id: string;
  instance_token: Buffer;
  status: 'online' | 'busy';
  active_tasks: number;
  /** Tasks claimed within the last minute. */
  recent_claims: number;
  /** Resource limits that it is over, in words. */
  over_limits: string[];
  stuck: StuckTask[];
}

/**
 * The device lives, by the database's clock. Writes `online` or `busy`, also over `offline`: a device declared dead by
 * mistake is back with this. Never touches operator_state. False = another instance owns the id, or the row is gone.
 */
export async function heartbeatDevice(session: Session, names: TableNames, device: Beat): Promise<boolean> {
  const { sql, values } = heartbeatStatement(names, device);
  return (await session.write(sql, values)).affectedRows === 1;
}

export function heartbeatStatement(names: TableNames, device: Beat): { sql: string; values: unknown[] } {
  const list = (all: unknown[]) => (all.length === 0 ? null : JSON.stringify(all));
  return {
    sql: `UPDATE ${names.device} SET status = ?, current_tasks = ?, recent_claims = ?, over_limits = ?, stuck = ?, last_heartbeat = UTC_TIMESTAMP(3),
            updated_at = UTC_TIMESTAMP(3) WHERE device_id = ? AND instance_token = ?`,
    values: [
      ...[device.status, device.active_tasks, device.recent_claims, list(device.over_limits), list(device.stuck)],
      ...[device.device_id, device.instance_token],
    ],
  };
}

/** The row of the history; best effort, after the heartbeat itself. Readings out of range are clamped, odd ones NULL. */
export function historyStatement(names: TableNames, device: Beat, readings: DeviceReadings) {
  return {
    sql: `INSERT INTO ${names.heartbeat} (device_id, cpu_usage, memory_usage, disk_usage, active_tasks, system_info)
          VALUES (?, ?, ?, ?, ?, ?)`,
    values: historyRow(device, readings),
  };
}

export function historyRow(
  device: Beat,
  { cpu_usage, memory_usage, disk_usage, system_info }: DeviceReadings,
): unknown[] {
  return [
    device.device_id,
    percentage(cpu_usage),
    percentage(memory_usage),
    percentage(disk_usage),
    device.active_tasks,
    system_info === null ? null : JSON.stringify(system_info),
  ];
}

function percentage(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  return Math.round(Math.min(100, Math.max(0, value)) * 100) / 100;
}
