// The attempts whose logs are read, without a lock and without what they returned.
import { AfdError } from '../../domain/errors.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LoggedAttempt } from './logged-attempt.ts';

export interface AttemptState extends LoggedAttempt {
  task_type: string;
  device_id: string;
  status: string;
  cause: string | null;
  error_message: string | null;
  /** ISO 8601 UTC; null = it has not ended. */
  ended_at: string | null;
  /** Milliseconds since then, by the database's clock. */
  ended_ms_ago: number | null;
}

export interface LoggedTask {
  status: string;
  attempts: AttemptState[];
}

const AGE = 'TIMESTAMPDIFF(MICROSECOND, completed_at, UTC_TIMESTAMP(3)) DIV 1000 AS ended_ms_ago';
/** Attempts of one answer: the newest. */
const MOST_ATTEMPTS = 1000;

/**
 * The status of a task by PRIMARY, and its attempts from this number on by idx_task_id. An attempt that has begun within the
 * last second may have no row yet; then the task names its device. @throws AfdError E_NOT_FOUND; DatabaseError
 */
export async function taskAttempts(
  session: Session,
  names: TableNames,
  taskId: number,
  fromAttempt: number,
): Promise<LoggedTask> {
  const [task] = await session.rows<{ status: string; task_type: string; attempt: number; claimed_by: string | null }>(
    `SELECT status, task_type, attempt, claimed_by FROM ${names.task} WHERE id = ?`,
    [taskId],
  );
  if (task === undefined) {
    throw new AfdError('E_NOT_FOUND', `There is no task ${taskId}.`, { suggestions: ['afd tasks ls'] });
  }
  const rows = await session.rows(
    `SELECT task_id, attempt, device_id, status, cause, error_message, completed_at, ${AGE} FROM ${names.assignment}
     WHERE task_id = ? AND attempt >= ? ORDER BY task_id DESC, attempt DESC LIMIT ${MOST_ATTEMPTS}`,
    [taskId, fromAttempt],
  );
  const attempts = rows.reverse().map((row) => stateOf({ ...row, task_type: task.task_type }));
  if (task.claimed_by !== null && attempts.at(-1)?.attempt !== task.attempt && task.attempt >= fromAttempt) {
    const open = { status: 'running', cause: null, error_message: null, completed_at: null, ended_ms_ago: null };
    const { task_type, attempt, claimed_by: device_id } = task;
    attempts.push(stateOf({ ...open, task_id: taskId, task_type, attempt, device_id }));
  }
  return { status: task.status, attempts };
}

/**
 * The newest attempts that failed, timed out or were lost within these seconds, oldest first, among the 200,000 attempts that
 * began last: backwards by PRIMARY. Zero rows: none did. @throws DatabaseError
 */
export async function failedAttempts(
  session: Session,
  names: TableNames,
  seconds: number,
  limit: number,
): Promise<AttemptState[]> {
  const rows = await session.rows(
    `SELECT recent.*, t.task_type FROM (
       SELECT newest.*, ${AGE} FROM (
         SELECT task_id, attempt, device_id, status, cause, error_message, completed_at FROM ${names.assignment}
         ORDER BY id DESC LIMIT 200000
       ) AS newest
       WHERE status IN ('failed', 'timeout', 'lost') AND attempt IS NOT NULL
         AND completed_at >= UTC_TIMESTAMP(3) - INTERVAL ? SECOND
       ORDER BY completed_at DESC LIMIT ?
     ) AS recent JOIN ${names.task} t ON t.id = recent.task_id ORDER BY recent.completed_at`,
    [seconds, limit],
  );
  return rows.map(stateOf);
}

function stateOf(row: Record<string, unknown>): AttemptState {
  const { completed_at, ...rest } = row as unknown as AttemptState & { completed_at: string | null };
  const { ended_ms_ago: age } = rest;
  return { ...rest, ended_at: utcToIso(completed_at), ended_ms_ago: age === null ? null : Number(age) };
}
