// Reads without a lock, newest first. Indexes: PRIMARY backwards, or afd_claim for a status; idx_task_id for the
// current attempt of each, PRIMARY for what it has reported. Zero rows: no task fits the filter; anything that keeps the list from being read is thrown.
import type { TaskStatus } from '../../domain/task/task.ts';
import type { TaskRecord } from '../../domain/task/task-record.ts';
import { stateIs } from '../claim-state.ts';
import { PROGRESS_COLUMNS } from '../reports/progress-record.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { TASK_COLUMNS, taskRecord } from './task-mapping.ts';

export interface TaskFilter {
  status?: string | undefined;
  task_type?: string | undefined;
  /** Runs there, ran there last, or is directed there. */
  device_id?: string | undefined;
  /** Maximum number of tasks. */
  limit: number;
}

/** @throws DatabaseError */
export async function listTasks(session: Session, names: TableNames, filter: TaskFilter): Promise<TaskRecord[]> {
  const { status, task_type, device_id, limit } = filter;
  const where: string[] = [];
  const values: unknown[] = [];
  const add = (condition: string, ...given: unknown[]) => {
    where.push(condition);
    values.push(...given);
  };
  // By claim_state too: afd_claim begins with it.
  if (status !== undefined) add(`t.status = ? AND ${stateIs(status as TaskStatus, 't')}`, status);
  if (task_type !== undefined) add('t.task_type = ?', task_type);
  if (device_id !== undefined)
    add('(a.device_id = ? OR t.target_device_id = ? OR t.claimed_by = ?)', device_id, device_id, device_id);
  const rows = await session.rows(
    `SELECT ${TASK_COLUMNS}, COALESCE(IF(a.status IN ('assigned', 'running') OR t.status IN ('done', 'failed', 'cancelled'), a.device_id, NULL),
       t.claimed_by) AS device_id, ${PROGRESS_COLUMNS}
     FROM ${names.task} t
     LEFT JOIN ${names.assignment} a ON a.task_id = t.id AND a.attempt = t.attempt
     LEFT JOIN ${names.progress} p ON p.task_id = t.id AND p.attempt = t.attempt
     ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
     ORDER BY t.id DESC LIMIT ?`,
    [...values, limit],
  );
  return rows.map(taskRecord);
}
