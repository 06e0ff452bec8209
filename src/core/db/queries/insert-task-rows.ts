// Invariant: every row goes in, or this statement throws. No index is read. Another count than was sent is a bug.
// Ids come from the INSERT's own answer (LAST_INSERT_ID on another connection would be 0): the first one, and then
// steps of auto_increment_increment, which is how a server numbers the rows of one statement.
import mysql from 'mysql2';
import { canonicalJson } from '../../domain/canonical-json.ts';
import { AfdError } from '../../domain/errors.ts';
import type { NewTask } from '../../domain/task.ts';
import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface InsertTasksOptions {
  /** The fleet's master.max_retry_count, written when a task names none. */
  maxRetryCount: number;
  /** The task whose handler asked for these. */
  parentId?: number;
}

const COLUMNS = `task_type, username, app_id, start_date, end_date, priority, estimated_duration, required_capabilities,
  max_retry_count, task_data, execution_timeout, dedupe_key, concurrency_key, parent_id, next_run_at`;
/** Room for COLUMNS, the packet's header and the placeholders of small values. */
const OVERHEAD = 4096;

/** Ids of the rows, in order. Sends more than one statement only when one would be over max_allowed_packet. */
export async function insertTaskRows(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  options: InsertTasksOptions,
): Promise<number[]> {
  const { autoIncrementIncrement: step, maxAllowedPacket } = session.facts;
  const ids: number[] = [];
  const rows = tasks.map((task) => rowText(task, options));
  for (let from = 0; from < rows.length; ) {
    let to = from;
    let bytes = OVERHEAD;
    do bytes += Buffer.byteLength(rows[to]!) + 1;
    while (++to < rows.length && bytes + Buffer.byteLength(rows[to]!) < maxAllowedPacket);
    if (bytes > maxAllowedPacket) {
      const problem = `a task of type ${tasks[from]!.task_type} is ${bytes} bytes long; the server takes at most ${maxAllowedPacket}`;
      throw new AfdError('E_USAGE', `The task cannot be added: ${problem} (max_allowed_packet).`);
    }
    const { insertId, affectedRows } = await session
      .write(`INSERT INTO ${names.task} (${COLUMNS}) VALUES ${rows.slice(from, to).join(',')}`)
      .catch(explain);
    if (affectedRows !== to - from) {
      throw new AfdError('E_INTERNAL', `An INSERT of ${to - from} tasks wrote ${affectedRows}.`);
    }
    for (let n = 0; n < to - from; n += 1) ids.push(insertId + n * step);
    from = to;
  }
  return ids;
}

/** What is absent is the column's default, so that afd and a plain INSERT make the same row. */
function rowText(task: NewTask, options: InsertTasksOptions): string {
  const { required_capabilities: required, task_data, run_at } = task;
  // No requirements and an empty list of requirements must be one lane.
  const needs = required && Object.keys(required).length > 0 ? canonicalJson(required) : null;
  const values = [task.task_type, task.username, task.app_id, task.start_date, task.end_date, task.priority];
  values.push(task.estimated_duration, needs, task.max_retry_count ?? options.maxRetryCount);
  values.push(task_data && JSON.stringify(task_data), task.execution_timeout, task.dedupe_key, task.concurrency_key);
  values.push(options.parentId);
  const texts = values.map((value) => (value === null || value === undefined ? 'DEFAULT' : mysql.escape(value)));
  // An instant is the same in every zone, and FROM_UNIXTIME writes it in the session's, as next_run_at is compared with
  // NOW(3); right across a change to summer time too. The default is the server's now.
  const due = run_at ? `FROM_UNIXTIME(${mysql.escape(Date.parse(run_at) / 1000)})` : 'DEFAULT';
  return `(${texts.join(',')},${due})`;
}

/** An adopted table may insist on a column that is free in ours (T1's username): 1364 for DEFAULT, 1048 for NULL. */
function explain(error: unknown): never {
  const required = error instanceof DatabaseError && (error.errno === 1364 || error.errno === 1048);
  const column = required ? /'([^']+)'/.exec(error.message)?.[1] : undefined;
  if (column === undefined) throw error;
  const message = `The task table asks for a value in ${column}: it is NOT NULL there, without a default.`;
  throw new AfdError('E_USAGE', message, { suggestions: ['afd tasks add --help'], data: { column }, cause: error });
}
