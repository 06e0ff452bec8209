// Reads without a lock, by PRIMARY. A task that is missing from the answer does not exist (any more).
import type { TaskStatus } from '../../domain/task/task.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface TaskState {
  task_id: number;
  status: TaskStatus;
  attempt: number;
  last_error: string | null;
  finished_at: string | null;
}

/** In the order of the ids. @throws DatabaseError */
export async function taskStates(session: Session, names: TableNames, taskIds: number[]): Promise<TaskState[]> {
  if (taskIds.length === 0) return [];
  const rows = await session.rows(
    `SELECT id, status, attempt, last_error, finished_at FROM ${names.task} FORCE INDEX (PRIMARY)
     WHERE id IN (?) ORDER BY id`,
    [taskIds],
  );
  return rows.map((row) => ({
    task_id: row.id,
    status: row.status,
    attempt: row.attempt,
    last_error: row.last_error,
    finished_at: utcToIso(row.finished_at),
  }));
}
