// Reads without a lock, what was reported last first. Index: afd_claim for running tasks, of which the first thousand are
// looked at, then PRIMARY of the progress. Zero rows: none of them has reported how far it is.
import type { ProgressRecord } from '../../domain/task/progress.ts';
import { stateIs } from '../claim-state.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { PROGRESS_COLUMNS, progressRecord } from './progress-record.ts';

export interface RunningProgress {
  task_id: number;
  task_type: string;
  attempt: number;
  device_id: string;
  progress: ProgressRecord;
}

/** A fleet has hundreds of slots, and a glance has an end. */
const LOOKED_AT = 1000;

/** Running tasks that say how far they are, at most `limit`. @throws DatabaseError */
export async function runningProgress(session: Session, names: TableNames, limit: number): Promise<RunningProgress[]> {
  const rows = await session.rows(
    `SELECT t.id AS task_id, t.task_type, t.attempt, p.device_id, ${PROGRESS_COLUMNS}
     FROM (SELECT id, task_type, attempt FROM ${names.task} FORCE INDEX (afd_claim)
           WHERE ${stateIs('running')} LIMIT ${LOOKED_AT}) t
     STRAIGHT_JOIN ${names.progress} p FORCE INDEX (PRIMARY) ON p.task_id = t.id AND p.attempt = t.attempt
     WHERE p.done IS NOT NULL ORDER BY p.updated_at DESC, t.id LIMIT ?`,
    [limit],
  );
  return rows.map((row) => {
    const { task_id, task_type, attempt, device_id } = row;
    return { task_id, task_type, attempt, device_id, progress: progressRecord(row, true)! };
  });
}
