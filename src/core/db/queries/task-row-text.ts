// A new task as a row of an INSERT. What is absent is the column's default, so that afd and a plain INSERT make the same row.
import mysql from 'mysql2';
import { canonicalJson } from '../../domain/canonical-json.ts';
import type { NewTask } from '../../domain/task.ts';

export const NEW_TASK_COLUMNS = `task_type, username, app_id, start_date, end_date, priority, estimated_duration,
  required_capabilities, max_retry_count, task_data, execution_timeout, dedupe_key, concurrency_key, parent_id, next_run_at`;

export function taskRowText(task: NewTask, options: { maxRetryCount: number; parentId?: number }): string {
  const { task_data, run_at } = task;
  const values = [task.task_type, task.username, task.app_id, task.start_date, task.end_date, task.priority];
  values.push(task.estimated_duration, requirementsText(task), task.max_retry_count ?? options.maxRetryCount);
  values.push(task_data && JSON.stringify(task_data), task.execution_timeout, task.dedupe_key, task.concurrency_key);
  values.push(options.parentId);
  const texts = values.map((value) => (value === null || value === undefined ? 'DEFAULT' : mysql.escape(value)));
  // An instant is the same in every zone, and FROM_UNIXTIME writes it in the session's, as next_run_at is compared with
  // NOW(3); right across a change to summer time too. The default is the server's now.
  const due = run_at ? `FROM_UNIXTIME(${mysql.escape(Date.parse(run_at) / 1000)})` : 'DEFAULT';
  return `(${texts.join(',')},${due})`;
}

/** required_capabilities as it is sent. No requirements and an empty list of requirements must be one lane. */
export function requirementsText({ required_capabilities: required }: NewTask): string | null {
  return required && Object.keys(required).length > 0 ? canonicalJson(required) : null;
}
