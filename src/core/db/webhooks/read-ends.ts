// What the recorder of ends reads: first the ids, by PRIMARY, without a lock; then the whole rows of what has ended. Zero rows: nothing new.
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Rows of one read. */
export const ENDS_READ = 1000;
/** Of an error message. */
const ERROR_CHARACTERS = 500;

export interface EndsAsk {
  attempts: { after: number; missing: number[] };
  ends: { after: number; missing: number[] };
  /** Attempts that were open when they were read last. */
  open: number[];
}

export interface AttemptState {
  id: number;
  status: string;
  /** Null = row of another program. */
  attempt: number | null;
}

const TASK = 't.task_type, t.username, t.app_id, t.start_date, t.end_date, t.parent_id';

/** @throws DatabaseError */
export async function readEndIds(
  session: Session,
  names: TableNames,
  { attempts, ends, open }: EndsAsk,
): Promise<{ attempts: AttemptState[]; ends: Row[]; open: AttemptState[] }> {
  const states = `SELECT id, status, attempt FROM ${names.assignment}`;
  const without = `SELECT e.id, e.task_id, e.status, e.cause, e.ended_at, ${TASK}
    FROM ${names.taskEnd} e LEFT JOIN ${names.task} t ON t.id = e.task_id`;
  const results = await session.batch([
    behind(states, 'id', attempts),
    behind(without, 'e.id', ends),
    ...(open.length === 0 ? [] : [{ sql: `${states} WHERE id IN (${placeholders(open)})`, values: open }]),
  ]);
  const [newer = [], ended = [], watched = []] = results as Row[][];
  return { attempts: newer as AttemptState[], ends: ended, open: watched as AttemptState[] };
}

/** Attempts that have ended, with the state of their tasks. @throws DatabaseError */
export async function readEnded(session: Session, names: TableNames, ids: number[]): Promise<Row[]> {
  if (ids.length === 0) return [];
  return session.rows(
    `SELECT a.id, a.task_id, a.attempt, a.device_id, a.status, a.started_at, a.completed_at, a.cause, a.error_class,
       LEFT(a.error_message, ${ERROR_CHARACTERS}) AS error_message, t.attempt AS task_attempt, t.status AS task_status, ${TASK}
     FROM ${names.assignment} a LEFT JOIN ${names.task} t ON t.id = a.task_id WHERE a.id IN (${placeholders(ids)})`,
    ids,
  );
}

function behind(select: string, id: string, { after, missing }: EndsAsk['ends']): { sql: string; values: unknown[] } {
  const first = { sql: `(${select} WHERE ${id} > ? ORDER BY ${id} LIMIT ${ENDS_READ})`, values: [after] };
  if (missing.length === 0) return first;
  return {
    sql: `${first.sql} UNION ALL (${select} WHERE ${id} IN (${placeholders(missing)}))`,
    values: [after, ...missing],
  };
}

function placeholders(values: unknown[]): string {
  return values.map(() => '?').join(', ');
}
