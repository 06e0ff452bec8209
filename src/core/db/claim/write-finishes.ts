import type { AttemptEnd, InlineClaim } from '../../domain/attempt/reconcile.ts';
import type { TableNames } from '../table-names.ts';
import { microseconds, NO_INLINE_CLAIM } from './inline-claim.ts';
import { type EndedAttempt, type Ending, insertEnded } from './insert-ended.ts';
import type { Statement } from './statement.ts';
import { endedAttempt, endedTask } from './write-end.ts';

/**
 * The writes of packet 2 for attempts that were found to be mine: one statement for the tasks of all completed ones, one
 * for each other task; one for the rows of completed attempts, one for each other row, and one INSERT for all attempts
 * that have no row yet. next_run_at is in the task table's zone (NOW), everything else in UTC.
 */
export function finishStatements(names: TableNames, ending: Ending, settlements: AttemptEnd[]): Statement[] {
  const done = settlements.filter((one) => one.task_status === 'done');
  const others = settlements.filter((one) => one.task_status !== 'done');
  const completed = done.flatMap((one) => (one.record.assignment_id === null ? [] : [recorded(one)]));
  const deferred = settlements.flatMap((one) => (one.record.assignment_id === null ? [ended(one, one.record)] : []));
  return [
    ...(done.length > 0 ? [completedTasks(names, done)] : []),
    ...(completed.length > 0 ? [completedRows(names, completed)] : []),
    ...others.flatMap((one) => [
      endedTask(names, one, ending.widths),
      ...(one.record.assignment_id === null ? [] : [endedAttempt(names, one, one.record.assignment_id, ending.widths)]),
    ]),
    ...(deferred.length > 0 ? [insertEnded(names, ending, deferred)] : []),
  ];
}

function completedTasks(names: TableNames, done: AttemptEnd[]): Statement {
  return {
    sql: `UPDATE ${names.task} SET status = 'done', claim_token = NULL, ${NO_INLINE_CLAIM}, lost_count = 0,
            last_error = NULL, finished_at = UTC_TIMESTAMP(3), updated_at = NOW(3) WHERE id IN (?)`,
    values: [done.map((s) => s.finish.task_id)],
    expect: done.length,
  };
}

interface Recorded {
  id: number;
  result: string | null;
  age_us: number | null;
}

function recorded({ finish, result, record }: AttemptEnd): Recorded {
  return { id: record.assignment_id as number, result, age_us: microseconds(finish.age_ms) };
}

function completedRows(names: TableNames, rows: Recorded[]): Statement {
  const byId = `CASE id ${rows.map(() => 'WHEN ? THEN ?').join(' ')} END`;
  return {
    sql: `UPDATE ${names.assignment} SET status = 'completed', completed_at = UTC_TIMESTAMP(3),
            updated_at = UTC_TIMESTAMP(3), result = ${byId}, cause = NULL,
            started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ${byId} MICROSECOND)
          WHERE id IN (?)`,
    values: [
      ...rows.flatMap((one) => [one.id, one.result]),
      ...rows.flatMap((one) => [one.id, one.age_us]),
      rows.map((one) => one.id),
    ],
    expect: rows.length,
  };
}

function ended(one: AttemptEnd, deferred: InlineClaim): EndedAttempt {
  const { task_id, claim_token, age_ms } = one.finish;
  return {
    task_id,
    attempt: deferred.attempt,
    claim_token,
    assignment_status: one.assignment_status,
    retry_at_claim: deferred.retry_at_claim,
    claimed_at: deferred.claimed_at,
    deadline_at: deferred.deadline_at,
    age_ms,
    result: one.result,
    error_message: one.error_message,
    error_class: one.error_class,
    cause: one.cause,
  };
}
