// One task with its newest attempts, whether it has a checkpoint, and the database's time, in one round trip. Without a lock:
// the task by PRIMARY, its attempts by idx_task_id, so that an attempt may be newer than the task that is shown. Zero rows of
// the task: there is none (E_NOT_FOUND). Long texts stay in the database.
import { AfdError } from '../../domain/errors.ts';
import { PROGRESS_COLUMNS } from '../reports/progress-record.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { attemptsStatement, type CutAttempt, cutAttempt, holderOf, MOST_ATTEMPTS } from './attempt-rows.ts';
import { type CutTask, cutTask, cutTaskColumns } from './task-rows.ts';

export interface TaskView extends CutTask {
  /** The newest, oldest first. */
  attempts: CutAttempt[];
  /** Earlier ones than those exist. */
  more_attempts: boolean;
  /** What the next attempt begins with; null = nothing. */
  checkpoint: { attempt: number; bytes: number; written_at: string } | null;
}

const JSON_BYTES = 64 * 1024;
const ERROR_CHARACTERS = 4000;

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function viewTask(
  session: Session,
  names: TableNames,
  taskId: number,
): Promise<{ now: string; task: TaskView }> {
  const [now, found, attempts, checkpoints] = await session.batch([
    { sql: 'SELECT UTC_TIMESTAMP(3) AS now' },
    {
      sql: `SELECT ${cutTaskColumns(JSON_BYTES, ERROR_CHARACTERS)}, t.claimed_by, ${PROGRESS_COLUMNS} FROM ${names.task} t
            LEFT JOIN ${names.progress} p ON p.task_id = t.id AND p.attempt = t.attempt WHERE t.id = ?`,
      values: [taskId],
    },
    attemptsStatement(names, taskId),
    {
      sql: `SELECT c.attempt, LENGTH(c.value) AS bytes, c.written_at FROM ${names.checkpoint} c
            STRAIGHT_JOIN ${names.task} t ON t.id = c.task_id AND c.task_created_at <=> t.created_at WHERE c.task_id = ?`,
      values: [taskId],
    },
  ]);
  const row = found![0];
  if (row === undefined)
    throw new AfdError('E_NOT_FOUND', `There is no task ${taskId}.`, { suggestions: ['afd tasks ls'] });
  const shown = attempts!.slice(0, MOST_ATTEMPTS).reverse();
  const checkpoint = checkpoints![0];
  const task = cutTask({ ...row, device_id: holderOf(row, shown) }, JSON_BYTES, ERROR_CHARACTERS);
  const written = {
    attempt: checkpoint?.attempt,
    bytes: Number(checkpoint?.bytes),
    written_at: utcToIso(checkpoint?.written_at)!,
  };
  const view = { ...task, attempts: shown.map(cutAttempt), more_attempts: attempts!.length > MOST_ATTEMPTS };
  return { now: utcToIso(now![0]!.now)!, task: { ...view, checkpoint: checkpoint === undefined ? null : written } };
}
