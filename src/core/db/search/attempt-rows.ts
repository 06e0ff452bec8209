// The newest attempts of a task, by idx_task_id backwards, and what each has reported. Without a lock. Zero rows: never claimed.
// Long texts stay in the database.
import { redactData } from '../../domain/redaction/redact.ts';
import type { AssignmentRecord } from '../../domain/task/task-record.ts';
import { PROGRESS_COLUMNS } from '../reports/progress-record.ts';
import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { assignmentRecord } from '../tasks/task-mapping.ts';
import type { Statement } from './find-tasks.ts';
import { shortJson } from './task-rows.ts';

/** `truncated` names the texts that are cut, or left out where they are JSON. */
export type CutAttempt = AssignmentRecord & { truncated: string[] };

export const MOST_ATTEMPTS = 100;
const RESULT_BYTES = 8 * 1024;
const ERROR_CHARACTERS = 4000;

/** One more than MOST_ATTEMPTS, newest first. */
export function attemptsStatement(names: TableNames, taskId: number): Statement {
  return {
    sql: `SELECT a.id, a.attempt, a.device_id, a.status, a.assigned_at, a.started_at, a.completed_at, a.deadline_at,
            a.retry_count, LEFT(a.error_message, ${ERROR_CHARACTERS + 1}) AS error_message, a.error_class, a.cause,
            a.revoked_at, a.revoke_outcome, a.revoked_by, ${shortJson('a.result', 'result', RESULT_BYTES)}, ${PROGRESS_COLUMNS}
          FROM ${names.assignment} a FORCE INDEX (idx_task_id)
          LEFT JOIN ${names.progress} p FORCE INDEX (PRIMARY) ON p.task_id = a.task_id AND p.attempt = a.attempt
          WHERE a.task_id = ? ORDER BY a.task_id DESC, a.attempt DESC LIMIT ${MOST_ATTEMPTS + 1}`,
    values: [taskId],
  };
}

/** A row without a number is another program's, and says nothing of who holds the task. */
export function holderOf(task: Row, attempts: Row[]): string | null {
  const open = attempts.find((one) => one.attempt !== null && (one.status === 'assigned' || one.status === 'running'));
  const over = task.status === 'done' || task.status === 'failed' || task.status === 'cancelled';
  const last = over ? attempts.findLast((one) => one.attempt === task.attempt) : undefined;
  return (open ?? last)?.device_id ?? task.claimed_by;
}

export function cutAttempt(row: Row): CutAttempt {
  const record = assignmentRecord(row);
  const attempt = { ...record, result: redactData(record.result) };
  const truncated = Number(row.result_bytes) > RESULT_BYTES ? ['result'] : [];
  const { error_message: message } = attempt;
  if (message === null || message.length <= ERROR_CHARACTERS) return { ...attempt, truncated };
  return { ...attempt, error_message: message.slice(0, ERROR_CHARACTERS), truncated: [...truncated, 'error_message'] };
}
