import type { AttemptEnd } from '../../domain/attempt/reconcile.ts';
import { fitText, type TextWidth } from '../../domain/text/fit-text.ts';
import type { TableNames } from '../table-names.ts';
import { microseconds, NO_INLINE_CLAIM } from './inline-claim.ts';
import type { Statement } from './statement.ts';
import type { TextWidths } from './text-widths.ts';

/** The task of an attempt that ended otherwise than complete. Locked by the caller. */
export function endedTask(names: TableNames, one: AttemptEnd, { last_error: width }: TextWidths): Statement {
  const final = one.task_status === 'failed' || one.task_status === 'cancelled';
  // A released attempt says nothing about the task: its count of deaths and its last error stay.
  const keeps = one.assignment_status === 'released' && one.due_in_s === undefined;
  return {
    sql: `UPDATE ${names.task} SET status = ?, claim_token = NULL, ${NO_INLINE_CLAIM}, retry = ?, updated_at = NOW(3),
            ${keeps ? '' : 'lost_count = 0, last_error = ?,'}
            ${one.due_in_s === undefined ? '' : 'next_run_at = NOW(3) + INTERVAL ? MICROSECOND,'}
            finished_at = ${final ? 'UTC_TIMESTAMP(3)' : 'NULL'} WHERE id = ?`,
    values: [
      one.task_status,
      one.retry,
      ...(keeps ? [] : [fitted(one.error_message, width)]),
      ...(one.due_in_s === undefined ? [] : [Math.round(one.due_in_s * 1e6)]),
      one.finish.task_id,
    ],
    expect: 1,
  };
}

/** The row of such an attempt. Locked by the caller. */
export function endedAttempt(
  names: TableNames,
  one: AttemptEnd,
  assignmentId: number,
  { error_message: width }: TextWidths,
): Statement {
  return {
    sql: `UPDATE ${names.assignment} SET status = ?, completed_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3),
            error_message = ?, error_class = ?, cause = ?,
            started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND) WHERE id = ?`,
    values: [
      one.assignment_status,
      fitted(one.error_message, width),
      one.error_class,
      one.cause,
      microseconds(one.finish.age_ms),
      assignmentId,
    ],
    expect: 1,
  };
}

function fitted(text: string | null, width: TextWidth): string | null {
  return text === null ? null : fitText(text, width);
}
