import type { ProgressRecord } from '../../domain/task/progress.ts';
import { PROGRESS_COLUMNS, progressRecord } from '../reports/progress-record.ts';
import { fromJson, utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface DeviceReadings {
  heartbeat_time: string | null;
  cpu_usage: number | null;
  memory_usage: number | null;
  disk_usage: number | null;
  active_tasks: number | null;
  system_info: unknown;
}

export interface DeviceAssignment {
  task_id: number;
  task_type: string | null;
  status: string;
  /** Null = a row of another program. */
  attempt: number | null;
  assigned_at: string | null;
  started_at: string | null;
  deadline_at: string | null;
  revoked_at: string | null;
  /** What it has reported; null = nothing. */
  progress: ProgressRecord | null;
}

/**
 * The last readings of one device and what it holds now. Non-locking, over idx_device_id of both tables; a task that
 * another program deleted shows without its type. Undefined readings = no heartbeat is stored.
 */
export async function showDevice(
  session: Session,
  names: TableNames,
  deviceId: string,
): Promise<{ readings: DeviceReadings | undefined; assignments: DeviceAssignment[] }> {
  const [reading] = await session.rows(
    `SELECT heartbeat_time, cpu_usage, memory_usage, disk_usage, active_tasks, system_info
     FROM ${names.heartbeat} FORCE INDEX (idx_device_id) WHERE device_id = ? ORDER BY id DESC LIMIT 1`,
    [deviceId],
  );
  const held = await session.rows(
    `SELECT a.task_id, t.task_type, a.status, a.attempt, a.assigned_at, a.started_at, a.deadline_at, a.revoked_at,
       ${PROGRESS_COLUMNS}
     FROM ${names.assignment} a FORCE INDEX (idx_device_id) LEFT JOIN ${names.task} t ON t.id = a.task_id
       LEFT JOIN ${names.progress} p ON p.task_id = a.task_id AND p.attempt = a.attempt
     WHERE a.device_id = ? AND a.status IN ('assigned', 'running') ORDER BY a.id`,
    [deviceId],
  );
  return {
    readings:
      reading === undefined
        ? undefined
        : {
            heartbeat_time: utcToIso(reading.heartbeat_time),
            cpu_usage: reading.cpu_usage,
            memory_usage: reading.memory_usage,
            disk_usage: reading.disk_usage,
            active_tasks: reading.active_tasks,
            system_info: fromJson(reading.system_info),
          },
    assignments: held.map((row) => ({
      task_id: row.task_id,
      task_type: row.task_type,
      status: row.status,
      attempt: row.attempt,
      assigned_at: utcToIso(row.assigned_at),
      started_at: utcToIso(row.started_at),
      deadline_at: utcToIso(row.deadline_at),
      revoked_at: utcToIso(row.revoked_at),
      progress: progressRecord(row, true),
    })),
  };
}
