// Invariant: a revoke only asks; the holder ends the attempt, so that no second copy starts while the first runs. The
// time of the first request stays, since the leader counts from it. `endAttempt` is for holders that cannot be asked.
// Index: PRIMARY, row locked by lockTask; zero rows is a bug.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { assertOne, type OperatedTask } from './lock-task.ts';

/** Who asks for the end of an attempt, and why; null = not said. */
export type RevokedBy = string | null;

/** Asks the holder to release it. @throws AfdError E_INTERNAL, DatabaseError */
export async function revokeAttempt(
  session: Session,
  names: TableNames,
  assignmentId: number,
  outcome: 'cancelled' | 'released',
  by: RevokedBy,
): Promise<void> {
  const asked = await session.write(
    `UPDATE ${names.assignment}
     SET revoked_at = COALESCE(revoked_at, UTC_TIMESTAMP(3)), revoke_outcome = ?, revoked_by = ?,
         updated_at = UTC_TIMESTAMP(3)
     WHERE id = ? AND status IN ('assigned', 'running')`,
    [outcome, by, assignmentId],
  );
  assertOne(asked, 'attempt');
}

/** Ends the attempt in its holder's place, at once: what the holder still does is fenced. */
export async function endAttempt(
  session: Session,
  names: TableNames,
  assignmentId: number,
  outcome: 'cancelled' | 'released',
  by: RevokedBy,
): Promise<void> {
  const ended = await session.write(
    `UPDATE ${names.assignment}
     SET status = ?, revoke_outcome = ?, revoked_by = ?, revoked_at = COALESCE(revoked_at, UTC_TIMESTAMP(3)), cause = 'operator',
         error_message = 'ended by an operator with --force', completed_at = UTC_TIMESTAMP(3),
         updated_at = UTC_TIMESTAMP(3)
     WHERE id = ? AND status IN ('assigned', 'running')`,
    [outcome, outcome, by, assignmentId],
  );
  assertOne(ended, 'attempt');
}

/**
 * What is done to a task that no device runs stands with its last attempt, behind what stands there; `revoked_at` stays NULL, for
 * nobody asked for its end. Index: idx_task_id. Zero rows: there was no attempt yet, or the row is another program's.
 */
export async function noteOperator(
  session: Session,
  names: TableNames,
  { id, attempt }: OperatedTask,
  done: 'retried' | 'moved' | 'cancelled',
  by: RevokedBy,
): Promise<void> {
  if (by === null || attempt === 0) return;
  await session.write(
    `UPDATE ${names.assignment} FORCE INDEX (idx_task_id)
     SET revoked_by = LEFT(CONCAT_WS('; ', revoked_by, ?), 500), updated_at = UTC_TIMESTAMP(3)
     WHERE task_id = ? AND attempt = ?`,
    [`${done} by ${by}`, id, attempt],
  );
}
