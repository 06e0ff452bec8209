// Reads without a lock: the task by PRIMARY, then its attempts by idx_task_id, so that an attempt may be newer than the
// task that is shown. Zero rows of the task: there is none (E_NOT_FOUND); of attempts: never claimed.
import { AfdError } from '../../domain/errors.ts';
import type { TaskDetails } from '../../domain/task/task-record.ts';
import { fromJson } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { assignmentRecord, payloadOf, TASK_COLUMNS, taskRecord } from './task-mapping.ts';

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function showTask(session: Session, names: TableNames, taskId: number): Promise<TaskDetails> {
  const [row] = await session.rows(`SELECT ${TASK_COLUMNS}, t.claimed_by FROM ${names.task} t WHERE t.id = ?`, [
    taskId,
  ]);
  if (row === undefined) {
    throw new AfdError('E_NOT_FOUND', `There is no task ${taskId}.`, { suggestions: ['afd tasks ls'] });
  }
  const attempts = await session.rows(
    `SELECT id, attempt, device_id, status, assigned_at, started_at, completed_at, deadline_at, retry_count,
       error_message, error_class, cause, revoked_at, revoke_outcome, revoked_by, result
     FROM ${names.assignment} WHERE task_id = ? ORDER BY attempt, id`,
    [taskId],
  );
  // A row without a number is another program's, and says nothing of who holds the task.
  const open = attempts.find((one) => one.attempt !== null && (one.status === 'assigned' || one.status === 'running'));
  const over = row.status === 'done' || row.status === 'failed' || row.status === 'cancelled';
  const last = over ? attempts.findLast((one) => one.attempt === row.attempt) : undefined;
  const completed = attempts.findLast((one) => one.status === 'completed');
  return {
    ...taskRecord({ ...row, device_id: (open ?? last)?.device_id ?? row.claimed_by }),
    result: fromJson(row.status === 'done' ? (completed?.result ?? null) : null),
    payload: payloadOf(row),
    assignments: attempts.map(assignmentRecord),
  };
}
