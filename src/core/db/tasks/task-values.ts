// New tasks as the rows of an INSERT. What is absent is the column's default, so that afd and a plain INSERT make the same row.
import mysql from 'mysql2';
import type { NewTask } from '../../domain/task/task.ts';
import { canonicalJson } from '../../domain/text/canonical-json.ts';

/** What a task gives its column: SQL text; undefined = the column's default. */
type Give = (task: NewTask, options: RowOptions) => string | undefined;

interface RowOptions {
  maxRetryCount: number;
  parentId?: number;
  batchId?: number;
}

const COLUMNS: Array<[name: string, give: Give]> = [
  ['task_type', (task) => text(task.task_type)],
  ['username', (task) => text(task.username)],
  ['app_id', (task) => text(task.app_id)],
  ['start_date', (task) => text(task.start_date)],
  ['end_date', (task) => text(task.end_date)],
  ['priority', (task) => text(task.priority)],
  ['estimated_duration', (task) => text(task.estimated_duration)],
  ['required_capabilities', (task) => text(requirementsText(task))],
  ['max_retry_count', (task, { maxRetryCount }) => text(task.max_retry_count ?? maxRetryCount)],
  ['task_data', ({ task_data }) => text(task_data && JSON.stringify(task_data))],
  ['execution_timeout', (task) => text(task.execution_timeout)],
  ['dedupe_key', (task) => text(task.dedupe_key)],
  ['concurrency_key', (task) => text(task.concurrency_key)],
  ['batch_id', (_, { batchId }) => text(batchId)],
  ['parent_id', (_, { parentId }) => text(parentId)],
  // An instant is the same in every zone, and FROM_UNIXTIME writes it in the session's, as next_run_at is compared with
  // NOW(3); right across a change to summer time too. The default is the server's now.
  ['next_run_at', ({ run_at }) => (run_at ? `FROM_UNIXTIME(${mysql.escape(Date.parse(run_at) / 1000)})` : undefined)],
];

/** Columns of the task table that an INSERT of afd may give; `parent_id` only for the tasks that a handler adds. */
export const GIVEN_COLUMNS: readonly string[] = COLUMNS.map(([name]) => name);

/**
 * The columns that any of the tasks gives, and one row of values per task: the server parses, and asks for the defaults
 * of, no more than it must.
 */
export function taskRows(tasks: NewTask[], options: RowOptions): { columns: string; rows: string[] } {
  const given = COLUMNS.map(([name, give]) => ({ name, texts: tasks.map((task) => give(task, options)) })).filter(
    ({ texts }) => texts.some((one) => one !== undefined),
  );
  const rows = tasks.map((_, n) => `(${given.map(({ texts }) => texts[n] ?? 'DEFAULT').join(',')})`);
  return { columns: given.map(({ name }) => name).join(', '), rows };
}

function text(value: string | number | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : mysql.escape(value);
}

/** required_capabilities as it is sent. No requirements and an empty list of requirements must be one lane. */
export function requirementsText({ required_capabilities: required }: NewTask): string | null {
  return required && Object.keys(required).length > 0 ? canonicalJson(required) : null;
}
