// What an operator should know about the rows of a table before workers see them. One reading of the table, without locks;
// nothing is changed: what is written here is for a human to decide.
import type { Ask } from '../../server-facts.ts';
import { columnOf, type TaskTableFacts } from './task-table.ts';

export interface Finding {
  code:
    | 'running_elsewhere'
    | 'assigned_elsewhere'
    | 'no_status'
    | 'unknown_status'
    | 'retries_used_up'
    | 'failed_with_future_run'
    | 'old_pending'
    | 'odd_priority'
    | 'no_task_type'
    | 'zero_date'
    | 'required_without_default'
    | 'narrow_text'
    | 'copied'
    | 'times_kept'
    | 'foreign_key'
    | 'open_elsewhere'
    | 'set_offline'
    | 'not_partitioned';
  rows: number;
  message: string;
  /** A statement that an operator may run to change it. Never run by afd. */
  sql?: string;
}

export interface TableFindings {
  rows: number;
  statuses: Array<{ status: string | null; rows: number }>;
  findings: Finding[];
  /** The newest created_at or updated_at, as it is stored. */
  newest_write: string | null;
  /** How far that lies after UTC now, in seconds; a table written a moment ago in UTC+8 says 28800. */
  newest_ahead_of_utc_s: number | null;
}

const KNOWN = ['pending', 'running', 'failed', 'done', 'assigned', 'waiting', 'cancelled'];
const OLD_DAYS = 7;

/** `zone`: what time_zone the table's own times are in. @throws whatever `ask` throws */
export async function findInTable(ask: Ask, facts: TaskTableFacts, zone: string): Promise<TableFindings> {
  const table = `\`${facts.name}\``;
  const groups = await ask(`SELECT status, COUNT(*) AS n FROM ${table} GROUP BY status ORDER BY status`);
  const statuses = groups.map((row) => ({
    status: row.status === null ? null : String(row.status),
    rows: Number(row.n),
  }));
  const has = (name: string) => columnOf(facts, name) !== undefined;
  const newest = ['created_at', 'updated_at'].filter(has);
  const figures = {
    used_up: has('retry')
      ? `status = 'pending' AND retry >= ${has('max_retry_count') ? 'COALESCE(max_retry_count, 3)' : '3'}`
      : '0',
    future: has('next_run_at') ? "status = 'failed' AND next_run_at > now_there" : '0',
    old: has('created_at') ? `status = 'pending' AND created_at < now_there - INTERVAL ${OLD_DAYS} DAY` : '0',
    priority: has('priority') ? '(priority IS NULL OR priority < 1 OR priority > 10)' : '0',
    untyped: has('task_type') ? "(task_type IS NULL OR task_type = '')" : '1',
    zero: has('next_run_at') ? "CAST(next_run_at AS CHAR) LIKE '0000%'" : '0',
  };
  const [row] = await ask(
    `SELECT ${Object.entries(figures)
      .map(([name, test]) => `SUM(${test}) AS ${name}`)
      .join(', ')},
       ${newest.length === 0 ? 'NULL' : `MAX(${newest.length === 1 ? newest[0] : `GREATEST(COALESCE(${newest[0]}, ${newest[1]}), COALESCE(${newest[1]}, ${newest[0]}))`})`} AS newest
     FROM ${table}, (SELECT CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', ?) AS now_there) clock`,
    [zone],
  );
  const newestWrite = row?.newest == null ? null : String(row.newest);
  const [age] = await ask('SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), ?) AS ahead', [newestWrite]);
  const n = (name: keyof typeof figures) => Number(row?.[name] ?? 0);
  return {
    rows: statuses.reduce((sum, one) => sum + one.rows, 0),
    statuses,
    findings: [...byStatus(table, statuses), ...byFigure(table, facts, n)],
    newest_write: newestWrite,
    newest_ahead_of_utc_s: age?.ahead == null ? null : Number(age.ahead),
  };
}

function byStatus(table: string, statuses: TableFindings['statuses']): Finding[] {
  const found: Finding[] = [];
  for (const { status, rows } of statuses) {
    if (status === 'running') {
      found.push({
        code: 'running_elsewhere',
        rows,
        message: `${rows} running tasks are not held by an attempt of afd: afd and its health check do not change them. If no program runs them any more:`,
        sql: `UPDATE ${table} SET status = 'pending' WHERE status = 'running';`,
      });
    } else if (status === 'assigned') {
      found.push({
        code: 'assigned_elsewhere',
        rows,
        message: `${rows} tasks were assigned by another program: afd does not change them, because they name no device of afd. To let afd run them:`,
        sql: `UPDATE ${table} SET status = 'pending' WHERE status = 'assigned' AND target_device_id IS NULL;`,
      });
    } else if (status === null || status === '') {
      const where = status === null ? 'status IS NULL' : "status = ''";
      found.push({
        code: 'no_status',
        rows,
        message: `${rows} tasks have ${status === null ? 'status NULL' : "status '' (a value that the ENUM did not have)"}: afd never claims them. To list them:`,
        sql: `SELECT * FROM ${table} WHERE ${where};`,
      });
    } else if (!KNOWN.includes(status)) {
      found.push({
        code: 'unknown_status',
        rows,
        message: `${rows} tasks have status '${status}', which afd does not know: afd never claims them.`,
      });
    }
  }
  return found;
}

function byFigure(table: string, facts: TaskTableFacts, n: (name: never) => number): Finding[] {
  const count = n as (name: string) => number;
  const found: Finding[] = [];
  const add = (code: Finding['code'], figure: string, message: (rows: number) => string, sql?: string) => {
    const rows = count(figure);
    if (rows > 0) found.push({ code, rows, message: message(rows), ...(sql === undefined ? {} : { sql }) });
  };
  const max = columnOf(facts, 'max_retry_count') === undefined ? '3' : 'COALESCE(max_retry_count, 3)';
  add(
    'retries_used_up',
    'used_up',
    (rows) =>
      `${rows} pending tasks have no retries left (retry >= ${max}): afd runs each at least once more. To prevent that:`,
    `UPDATE ${table} SET status = 'failed' WHERE status = 'pending' AND retry >= ${max};`,
  );
  add(
    'failed_with_future_run',
    'future',
    (rows) => `${rows} failed tasks have a next_run_at in the future: they stay failed. To run them at that time:`,
    `UPDATE ${table} SET status = 'pending' WHERE status = 'failed' AND next_run_at > NOW();`,
  );
  add(
    'old_pending',
    'old',
    (rows) =>
      `${rows} tasks have been pending for more than ${OLD_DAYS} days: the first worker will run them. To prevent that, before a worker starts:`,
    `UPDATE ${table} SET status = 'failed' WHERE status = 'pending' AND created_at < NOW() - INTERVAL ${OLD_DAYS} DAY;`,
  );
  add(
    'odd_priority',
    'priority',
    (rows) =>
      `${rows} tasks have a priority outside 1 to 10: NULL counts as 5, below 0 as 0, above 10 as 10 (10 runs first).`,
  );
  add(
    'no_task_type',
    'untyped',
    (rows) => `${rows} tasks have no task_type: they belong to no lane, and afd never claims them.`,
  );
  add('zero_date', 'zero', (rows) => `${rows} tasks have next_run_at 0000-00-00: they are due now.`);
  const error = columnOf(facts, 'last_error');
  if (
    error !== undefined &&
    (!/^(text|mediumtext|longtext)$/.test(error.kind) || !/^utf8mb4_/.test(error.collation ?? ''))
  ) {
    const sql = `ALTER TABLE ${table} MODIFY COLUMN ${error.name} TEXT CHARACTER SET utf8mb4 NULL;`;
    const message = `Column ${error.name} is ${error.type} (${error.collation}), which is too small for some error texts, or cannot store some of their characters: they are cut to what fits. To store them in full (this copies the table, so run it at a quiet time):`;
    found.push({ code: 'narrow_text', rows: 0, message, sql });
  }
  for (const column of facts.columns) {
    if (column.nullable || column.default !== null || column.generated !== 'no') continue;
    if (['id', 'task_type', 'status'].includes(column.name.toLowerCase())) continue;
    found.push({
      code: 'required_without_default',
      rows: 0,
      message: `Column ${column.name} is NOT NULL without a default: "afd tasks add" must set it${column.name === 'username' ? ' (--username)' : ', but has no flag for it'}.`,
    });
  }
  return found;
}
