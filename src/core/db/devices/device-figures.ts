import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** What a device row shows of its work: for display and placing, never for deciding who may do what. */
export interface DeviceFigures {
  id: number;
  device_id: string;
  current_tasks: number | null;
  /** Completed share of the last ended attempts, 0–1. */
  success_rate: number | null;
  avg_duration_ms: number | null;
}

/** The stored figures, and `open`: the open attempts of each device, counted. Non-locking; idx_status. Zero rows = no devices. */
export async function readFigures(
  session: Session,
  names: TableNames,
): Promise<Array<DeviceFigures & { open: number }>> {
  return session.rows(
    `SELECT d.id, d.device_id, d.current_tasks, d.success_rate, d.avg_duration_ms, COALESCE(x.open, 0) AS open
     FROM ${names.device} d LEFT JOIN (
       SELECT device_id, COUNT(*) AS open FROM ${names.assignment}
       WHERE status IN ('assigned', 'running') GROUP BY device_id) x ON x.device_id = d.device_id
     ORDER BY d.id`,
  );
}

/**
 * Success rate and mean duration over the last `sample` ended attempts of a device; NULL without any. What was
 * cancelled or released says nothing about the device. Non-locking; idx_device_id, one seek per status, newest first.
 */
export async function recentRates(
  session: Session,
  names: TableNames,
  deviceId: string,
  sample = 100,
): Promise<Pick<DeviceFigures, 'success_rate' | 'avg_duration_ms'>> {
  const newest = `(SELECT id, status, started_at, completed_at FROM ${names.assignment} FORCE INDEX (idx_device_id)
    WHERE device_id = ? AND status = ? ORDER BY id DESC LIMIT ${sample})`;
  const statuses = ['completed', 'failed', 'timeout', 'lost'];
  const [row] = await session.rows<Pick<DeviceFigures, 'success_rate' | 'avg_duration_ms'>>(
    `SELECT ROUND(AVG(status = 'completed'), 4) AS success_rate,
       ROUND(AVG(IF(status = 'completed', TIMESTAMPDIFF(MICROSECOND, started_at, completed_at) / 1000, NULL)))
         AS avg_duration_ms
     FROM (SELECT * FROM (${statuses.map(() => newest).join(' UNION ALL ')}) ended ORDER BY id DESC LIMIT ${sample}) r`,
    statuses.flatMap((status) => [deviceId, status]),
  );
  return row ?? { success_rate: null, avg_duration_ms: null };
}

/** Overwrites the figures of these devices whole, by PRIMARY in order. Inside a fenced transaction. Returns the rows there were. */
export async function writeFigures(session: Session, names: TableNames, figures: DeviceFigures[]): Promise<number> {
  if (figures.length === 0) return 0;
  const sorted = [...figures].sort((a, b) => a.id - b.id);
  const cases = sorted.map(() => 'WHEN ? THEN ?').join(' ');
  const result = await session.write(
    `UPDATE ${names.device} SET current_tasks = CASE id ${cases} END, success_rate = CASE id ${cases} END,
       avg_duration_ms = CASE id ${cases} END
     WHERE id IN (?)`,
    [
      ...sorted.flatMap((f) => [f.id, f.current_tasks]),
      ...sorted.flatMap((f) => [f.id, f.success_rate]),
      ...sorted.flatMap((f) => [f.id, f.avg_duration_ms]),
      sorted.map((f) => f.id),
    ],
  );
  return result.affectedRows;
}
