// A task as a line of a file.
import type { ExportedTask } from '../domain/task/task-record.ts';
import { escapeInJson, escapeSpecial } from '../log/terminal-text.ts';

export const EXPORT_FORMATS = ['csv', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** In the order of the CSV header; a key that is missing here does not compile. */
const KEYS: Record<keyof ExportedTask, true> = {
  ...{ task_id: true, task_type: true, status: true, task_data: true, username: true, app_id: true },
  ...{ start_date: true, end_date: true, priority: true, required_capabilities: true, retry_count: true },
  ...{ max_retry_count: true, attempt: true, lost_count: true, dedupe_key: true, concurrency_key: true },
  ...{
    target_device_id: true,
    device_id: true,
    execution_timeout: true,
    estimated_duration: true,
    parent_id: true,
    batch_id: true,
  },
  ...{ last_error: true, next_run_at: true, created_at: true, updated_at: true, finished_at: true },
  ...{ attempt_status: true, attempt_device_id: true, assigned_at: true, started_at: true, completed_at: true },
  ...{ error_message: true, error_class: true, result: true },
};
const COLUMNS = Object.keys(KEYS) as Array<keyof ExportedTask>;
/** RFC 4180. */
const LINE_END = '\r\n';

export interface RowWriter {
  /** What stands before the first row. */
  head: string;
  line(task: ExportedTask): string;
}

/** `terminal`: nothing in a row moves the cursor. */
export function rowWriter(format: ExportFormat, terminal: boolean): RowWriter {
  if (format === 'jsonl') return { head: '', line: (task) => `${escapeInJson(JSON.stringify(task))}\n` };
  const clean = terminal ? escapeSpecial : (text: string) => text;
  return {
    head: COLUMNS.join(',') + LINE_END,
    line: (task) => COLUMNS.map((key) => cell(clean(text(task[key])))).join(',') + LINE_END,
  };
}

/** NULL is an empty cell; JSON stays JSON, so a text in a JSON column has its quotes. */
function text(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function cell(value: string): string {
  return /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
