// Reads without a lock, newest first. Indexes: PRIMARY backwards, or afd_claim for a status; idx_task_id for the
// current attempt of each, PRIMARY for what it has reported. Zero rows: no task fits the filter; anything that keeps the
// list from being read is thrown.
import type { TaskRecord } from '../../domain/task/task-record.ts';
import { PROGRESS_COLUMNS } from '../reports/progress-record.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { DEVICE_OF_TASK, type TaskConditions, taskConditions } from './task-filter.ts';
import { TASK_COLUMNS, taskRecord } from './task-mapping.ts';

export interface TaskFilter extends TaskConditions {
  /** Maximum number of tasks. */
  limit: number;
}

/** @throws DatabaseError */
export async function listTasks(session: Session, names: TableNames, filter: TaskFilter): Promise<TaskRecord[]> {
  const { where, values } = taskConditions(filter);
  const rows = await session.rows(
    `SELECT ${TASK_COLUMNS}, ${DEVICE_OF_TASK}, ${PROGRESS_COLUMNS}
     FROM ${names.task} t
     LEFT JOIN ${names.assignment} a ON a.task_id = t.id AND a.attempt = t.attempt
     LEFT JOIN ${names.progress} p ON p.task_id = t.id AND p.attempt = t.attempt
     ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
     ORDER BY t.id DESC LIMIT ?`,
    [...values, filter.limit],
  );
  return rows.map(taskRecord);
}
