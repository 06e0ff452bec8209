// Invariant: every row goes in, or this statement throws. No index is read. Another count than was sent is a bug. Ids
// come from the INSERT's own answer (LAST_INSERT_ID on another connection would be 0). MariaDB returns all of them,
// which it must: Galera changes auto_increment_increment within an open session. MySQL returns the first, and the
// others follow by steps of that variable, which only this session changes there.
import { AfdError } from '../../domain/errors.ts';
import type { NewTask } from '../../domain/task/task.ts';
import { DatabaseError } from '../database-error.ts';
import type { Piggybacked } from '../piggyback.ts';
import type { Result, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { insertSingly, isReturnRefused, mayReturnIds } from './insert-singly.ts';
import { taskRows } from './task-values.ts';

export interface InsertTasksOptions {
  /** The fleet's master.max_retry_count, written when a task names none. */
  maxRetryCount: number;
  /** The task whose handler asked for these. */
  parentId?: number;
  /** The batch to which they are added; it is open, and locked. */
  batchId?: number;
  /** Goes with the first statement. */
  piggybacked?: Piggybacked | undefined;
}

/** Room for the columns, the packet's header and the placeholders of small values. */
const OVERHEAD = 4096;

/** Ids of the rows, in order. Sends more than one statement only when one would be over max_allowed_packet. */
export async function insertTaskRows(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  options: InsertTasksOptions,
): Promise<number[]> {
  const { autoIncrementIncrement: step, maxAllowedPacket, isMariaDb } = session.facts;
  const ids: number[] = [];
  const { columns, rows } = taskRows(tasks, options);
  for (let from = 0; from < rows.length; ) {
    let to = from;
    let bytes = OVERHEAD;
    do bytes += Buffer.byteLength(rows[to]!) + 1;
    while (++to < rows.length && bytes + Buffer.byteLength(rows[to]!) < maxAllowedPacket);
    if (bytes > maxAllowedPacket) {
      const problem = `a task of type ${tasks[from]!.task_type} is ${bytes} bytes long; the server accepts at most ${maxAllowedPacket}`;
      throw new AfdError('E_USAGE', `The task cannot be added: ${problem} (max_allowed_packet).`);
    }
    const part = rows.slice(from, to);
    const returned = part.length > 1 && mayReturnIds(session);
    if (part.length > 1 && isMariaDb && !returned) {
      ids.push(...(await insertSingly(session, names, columns, part).catch(explain)));
      from = to;
      continue;
    }
    const sql = `INSERT INTO ${names.task} (${columns}) VALUES ${part.join(',')}${returned ? ' RETURNING id' : ''}`;
    const sent = options.piggybacked === undefined ? session.write(sql) : options.piggybacked.send(session, sql);
    const answer = await (sent as Promise<Result>).catch((error: unknown) =>
      returned && isReturnRefused(session, error) ? undefined : explain(error),
    );
    if (answer === undefined) continue;
    const written = returned ? answer.length : answer.affectedRows;
    if (written !== to - from) throw new AfdError('E_INTERNAL', `An INSERT of ${to - from} tasks wrote ${written}.`);
    for (let n = 0; n < written; n += 1) ids.push(returned ? answer[n]!.id : answer.insertId + n * step);
    from = to;
  }
  return ids;
}

/** An adopted table may insist on a column that is free in ours (T1's username): 1364 without a value, 1048 for NULL. */
function explain(error: unknown): never {
  const required = error instanceof DatabaseError && (error.errno === 1364 || error.errno === 1048);
  const column = required ? /'([^']+)'/.exec(error.message)?.[1] : undefined;
  if (column === undefined) throw error;
  const message = `The task table requires a value in the column ${column}, which is NOT NULL without a default.`;
  throw new AfdError('E_USAGE', message, { suggestions: ['afd tasks add --help'], data: { column }, cause: error });
}
