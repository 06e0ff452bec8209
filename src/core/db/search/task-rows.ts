// Tasks as a list shows them, by PRIMARY, with the current attempt of each by idx_task_id and what it has reported. Without a
// lock. A task that is gone by now has no row. Long texts stay in the database, so that an answer is bounded.
import { redactData } from '../../domain/redaction/redact.ts';
import type { TaskRecord } from '../../domain/task/task-record.ts';
import { PROGRESS_COLUMNS } from '../reports/progress-record.ts';
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { DEVICE_OF_TASK } from '../tasks/task-filter.ts';
import { TASK_COLUMNS, taskRecord } from '../tasks/task-mapping.ts';

/** A task whose long texts are cut, or left out where they are JSON; `truncated` names them. */
export type CutTask = TaskRecord & { batch_id: number | null; truncated: string[] };

/** Of a task in a list: bytes of JSON that come with it, characters of its last error. */
const JSON_BYTES = 2048;
const ERROR_CHARACTERS = 500;

/** JSON that is too long comes as NULL, its length as `…_bytes`. */
export function shortJson(column: string, name: string, bytes: number): string {
  return `IF(LENGTH(${column}) > ${bytes}, NULL, ${column}) AS ${name}, LENGTH(${column}) AS ${name}_bytes`;
}

/** TASK_COLUMNS with these limits. */
export function cutTaskColumns(bytes: number, characters: number): string {
  return `${TASK_COLUMNS.replace('t.task_data', shortJson('t.task_data', 'task_data', bytes))
    .replace('t.required_capabilities', shortJson('t.required_capabilities', 'required_capabilities', bytes))
    .replace('t.last_error', `LEFT(t.last_error, ${characters + 1}) AS last_error`)}, t.batch_id`;
}

/** A row of cutTaskColumns. */
export function cutTask(row: Row, bytes: number, characters: number): CutTask {
  const task = taskRecord(row);
  const truncated = ['task_data', 'required_capabilities'].filter((name) => Number(row[`${name}_bytes`]) > bytes);
  if (task.last_error !== null && task.last_error.length > characters) {
    task.last_error = task.last_error.slice(0, characters);
    truncated.push('last_error');
  }
  return { ...task, task_data: redactData(task.task_data), batch_id: row.batch_id, truncated };
}

/** Newest first, and the database's time. @throws DatabaseError */
export async function readTasks(
  session: Session,
  names: TableNames,
  ids: number[],
): Promise<{ now: string; tasks: CutTask[] }> {
  const [now, rows = []] = await session.batch([
    { sql: 'SELECT UTC_TIMESTAMP(3) AS now' },
    ...(ids.length === 0 ? [] : [taskRowsStatement(names, ids)]),
  ]);
  return {
    now: utcToIso(now![0]!.now)!,
    tasks: [...rows].map((row) => cutTask(row, JSON_BYTES, ERROR_CHARACTERS)),
  };
}

export function taskRowsStatement(names: TableNames, ids: number[]): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT ${cutTaskColumns(JSON_BYTES, ERROR_CHARACTERS)}, ${DEVICE_OF_TASK}, ${PROGRESS_COLUMNS}
          FROM ${names.task} t FORCE INDEX (PRIMARY)
          LEFT JOIN ${names.assignment} a FORCE INDEX (idx_task_id) ON a.task_id = t.id AND a.attempt = t.attempt
          LEFT JOIN ${names.progress} p FORCE INDEX (PRIMARY) ON p.task_id = t.id AND p.attempt = t.attempt
          WHERE t.id IN (?) ORDER BY t.id DESC`,
    values: [ids],
  };
}
