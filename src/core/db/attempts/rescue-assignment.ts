import type { AttemptEnd } from '../../domain/attempt/lost.ts';
import { AfdError } from '../../domain/errors.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { LockedAttempt } from './lock-attempt.ts';

/**
 * Writes the end of an attempt that `lockAttempt` has locked in this transaction: the assignment, and the task if it is
 * still this attempt's. Both by PRIMARY and fenced by the claim token. next_run_at is in the task table's zone (NOW).
 * Zero rows cannot be, since both rows are locked: thrown as a bug, and the transaction is rolled back.
 * @throws AfdError E_INTERNAL
 */
export async function rescueAssignment(
  session: Session,
  names: TableNames,
  locked: LockedAttempt,
  end: AttemptEnd,
): Promise<void> {
  const { attempt } = locked;
  if (end.task !== undefined) {
    const { status, retry, lost_count, due_in_s, last_error } = end.task;
    const over = status === 'failed' || status === 'cancelled';
    const task = await session.write(
      `UPDATE ${names.task}
       SET status = ?, retry = ?, lost_count = ?, claim_token = NULL, last_error = COALESCE(?, last_error),
           next_run_at = ${due_in_s === null ? 'next_run_at' : 'NOW(3) + INTERVAL ? MICROSECOND'},
           finished_at = ${over ? 'UTC_TIMESTAMP(3)' : 'NULL'}, updated_at = NOW(3)
       WHERE id = ? AND status = 'running' AND claim_token = ?`,
      [
        status,
        retry,
        lost_count,
        last_error,
        ...(due_in_s === null ? [] : [Math.round(due_in_s * 1e6)]),
        attempt.task_id,
        attempt.claim_token,
      ],
    );
    if (task.affectedRows !== 1) throw bug(locked, 'task');
  }
  const { status, cause, error_class, error_message } = end.assignment;
  const assignment = await session.write(
    `UPDATE ${names.assignment}
     SET status = ?, cause = ?, error_class = ?, error_message = ?, completed_at = UTC_TIMESTAMP(3),
         updated_at = UTC_TIMESTAMP(3)
     WHERE id = ? AND claim_token = ? AND status IN ('assigned', 'running')`,
    [status, cause, error_class, error_message, attempt.id, attempt.claim_token],
  );
  if (assignment.affectedRows !== 1) throw bug(locked, 'assignment');
}

function bug(locked: LockedAttempt, what: string): AfdError {
  return new AfdError('E_INTERNAL', `A locked ${what} of attempt ${locked.attempt.id} changed under its lock.`, {
    data: { task_id: locked.attempt.task_id, assignment_id: locked.attempt.id },
  });
}
