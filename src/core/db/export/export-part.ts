// Reads tasks in the order of their ids without a lock, from a stretch of ids: whatever the filter, a statement reads no more
// rows than that has. Of one submitter, it reads no more than that has of what they have added. Indexes: PRIMARY, of the tasks or of their
// owners first, and idx_task_id for the current attempt of each. Zero rows: none fits. Long texts are
// read one by one, so that the size of an answer is bounded.
import type { ExportedTask } from '../../domain/task/task-record.ts';
import { ownTasks } from '../access/task-owners.ts';
import { fromJson, utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { DEVICE_OF_TASK, type TaskConditions, taskConditions } from '../tasks/task-filter.ts';
import { TASK_COLUMNS, taskRecord } from '../tasks/task-mapping.ts';
import type { Stretch } from './export-stretch.ts';

/** Bytes of a text that comes with its part. */
const INLINE_BYTES = 8192;
const RESULT = `IF(t.status = 'done' AND a.status = 'completed', a.result, NULL)`;
const inline = (text: string, name: string) => `IF(LENGTH(${text}) > ${INLINE_BYTES}, NULL, ${text}) AS ${name}`;
const COLUMNS = `${TASK_COLUMNS.replace('t.task_data', inline('t.task_data', 'task_data'))}, ${DEVICE_OF_TASK},
  ${inline(RESULT, 'result')}, GREATEST(COALESCE(LENGTH(t.task_data), 0), COALESCE(LENGTH(${RESULT}), 0)) AS longest,
  a.status AS attempt_status, a.device_id AS attempt_device_id, a.assigned_at, a.started_at, a.completed_at, a.error_message,
  a.error_class`;

/** A task; `is_long`: its long texts are still to be read. */
export interface ExportRow {
  id: number;
  row: Row;
  is_long: boolean;
}

/** At most `limit` tasks of a stretch that fit; `owner`: of one submitter. @throws DatabaseError */
export async function exportPart(
  session: Session,
  names: TableNames,
  filter: TaskConditions,
  page: Stretch & { limit: number; owner?: string | undefined },
): Promise<ExportRow[]> {
  const { sql, values } = partStatement(names, filter, page);
  const rows = await session.rows(sql, values);
  return rows.map((row) => ({ id: row.id, row, is_long: row.longest > INLINE_BYTES }));
}

export function partStatement(
  names: TableNames,
  filter: TaskConditions,
  { from, to, limit, owner }: Stretch & { limit: number; owner?: string | undefined },
): { sql: string; values: unknown[] } {
  const { where, values } = taskConditions(filter);
  const [tables, id] =
    owner === undefined ? [`${names.task} t FORCE INDEX (PRIMARY)`, 't.id'] : [ownTasks(names), 'o.task_id'];
  const all = [...(owner === undefined ? [] : ['o.owner = ?']), `${id} > ?`, `${id} <= ?`, ...where];
  return {
    sql: `SELECT ${COLUMNS}
     FROM ${tables}
     LEFT JOIN ${names.assignment} a FORCE INDEX (idx_task_id) ON a.task_id = t.id AND a.attempt = t.attempt
     WHERE ${all.join(' AND ')}
     ORDER BY ${id} LIMIT ?`,
    values: [...(owner === undefined ? [] : [owner]), from, to, ...values, limit],
  };
}

/** The whole of it. A task that is gone by now is exported without its long texts. @throws DatabaseError */
export async function exportedTask(session: Session, names: TableNames, one: ExportRow): Promise<ExportedTask> {
  const row: Row = { ...one.row };
  if (one.is_long) {
    const [texts] = await session.rows(
      `SELECT t.task_data, ${RESULT} AS result
       FROM ${names.task} t LEFT JOIN ${names.assignment} a ON a.task_id = t.id AND a.attempt = t.attempt
       WHERE t.id = ?`,
      [one.id],
    );
    Object.assign(row, texts);
  }
  return completedTask({ ...one, row });
}

/** A task whose texts are all read. */
export function completedTask({ row }: ExportRow): ExportedTask {
  const { progress: _, ...task } = taskRecord(row);
  return {
    ...task,
    attempt_status: row.attempt_status,
    attempt_device_id: row.attempt_device_id,
    assigned_at: utcToIso(row.assigned_at),
    started_at: utcToIso(row.started_at),
    completed_at: utcToIso(row.completed_at),
    error_message: row.error_message,
    error_class: row.error_class,
    result: fromJson(row.result),
  };
}
