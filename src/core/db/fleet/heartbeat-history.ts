// The newest heartbeats of a device within a day, by idx_device_id, without a lock. The day is for MariaDB, which reads and sorts
// all entries of a device in a table of partitions: so it reads those of two partitions. Zero rows: it was silent for a day.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface HeartbeatReading {
  heartbeat_time: string | null;
  /** Percent. */
  cpu_usage: number | null;
  memory_usage: number | null;
  disk_usage: number | null;
  active_tasks: number | null;
}

/** Oldest first. @throws DatabaseError */
export async function heartbeatHistory(
  session: Session,
  names: TableNames,
  deviceId: string,
  limit: number,
): Promise<HeartbeatReading[]> {
  if (limit === 0) return [];
  const { sql, values } = historyStatement(names, deviceId, limit);
  const rows = await session.rows(sql, values);
  return rows.reverse().map((row) => ({
    heartbeat_time: utcToIso(row.heartbeat_time),
    cpu_usage: row.cpu_usage,
    memory_usage: row.memory_usage,
    disk_usage: row.disk_usage,
    active_tasks: row.active_tasks,
  }));
}

export function historyStatement(names: TableNames, deviceId: string, limit: number) {
  return {
    sql: `SELECT heartbeat_time, cpu_usage, memory_usage, disk_usage, active_tasks
          FROM ${names.heartbeat} FORCE INDEX (idx_device_id) WHERE device_id = ? AND heartbeat_time >= UTC_TIMESTAMP(3) - INTERVAL 1 DAY ORDER BY id DESC LIMIT ?`,
    values: [deviceId, limit],
  };
}
