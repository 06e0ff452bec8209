// Reads without a lock: the task by PRIMARY, then its attempts by idx_task_id, so that an attempt may be newer than the
// task that is shown; what each has reported by PRIMARY. Zero rows of the task: there is none (E_NOT_FOUND); of attempts:
// never claimed.
import { AfdError } from '../../domain/errors.ts';
import { redactData } from '../../domain/redaction/redact.ts';
import { effectivePayload } from '../../domain/task/payload.ts';
import type { TaskDetails } from '../../domain/task/task-record.ts';
import { PROGRESS_COLUMNS } from '../reports/progress-record.ts';
import { fromJson } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { assignmentRecord, TASK_COLUMNS, taskRecord } from './task-mapping.ts';

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function showTask(session: Session, names: TableNames, taskId: number): Promise<TaskDetails> {
  const [row] = await session.rows(
    `SELECT ${TASK_COLUMNS}, t.claimed_by, ${PROGRESS_COLUMNS} FROM ${names.task} t
     LEFT JOIN ${names.progress} p ON p.task_id = t.id AND p.attempt = t.attempt WHERE t.id = ?`,
    [taskId],
  );
  if (row === undefined) {
    throw new AfdError('E_NOT_FOUND', `There is no task ${taskId}.`, { suggestions: ['afd tasks ls'] });
  }
  const attempts = await session.rows(
    `SELECT a.id, a.attempt, a.device_id, a.status, a.assigned_at, a.started_at, a.completed_at, a.deadline_at,
       a.retry_count, a.error_message, a.error_class, a.cause, a.revoked_at, a.revoke_outcome, a.revoked_by, a.result,
       ${PROGRESS_COLUMNS}
     FROM ${names.assignment} a LEFT JOIN ${names.progress} p ON p.task_id = a.task_id AND p.attempt = a.attempt
     WHERE a.task_id = ? ORDER BY a.attempt, a.id`,
    [taskId],
  );
  // A row without a number is another program's, and says nothing of who holds the task.
  const open = attempts.find((one) => one.attempt !== null && (one.status === 'assigned' || one.status === 'running'));
  const over = row.status === 'done' || row.status === 'failed' || row.status === 'cancelled';
  const last = over ? attempts.findLast((one) => one.attempt === row.attempt) : undefined;
  const completed = attempts.findLast((one) => one.status === 'completed');
  const record = taskRecord({ ...row, device_id: (open ?? last)?.device_id ?? row.claimed_by });
  return {
    ...record,
    task_data: redactData(record.task_data),
    result: redactData(fromJson(row.status === 'done' ? (completed?.result ?? null) : null)),
    payload: redactData(payloadOf(row)) as Record<string, unknown> | null,
    assignments: attempts.map(assignmentRecord).map((one) => ({ ...one, result: redactData(one.result) })),
  };
}

/** What a handler would get as task_data; null when task_data is not a JSON object. */
function payloadOf(row: Row): Record<string, unknown> | null {
  const { username, app_id, start_date, end_date } = row;
  try {
    return effectivePayload({ username, app_id, start_date, end_date }, row.task_data);
  } catch {
    return null;
  }
}
