import type { Settlement } from '../../domain/settlement.ts';
import type { TableNames } from '../table-names.ts';

export interface Statement {
  sql: string;
  values: unknown[];
  /** Rows that the statement must touch; another count is a bug. */
  expect: number;
}

/**
 * The writes of packet 2 for attempts that were found to be mine: two statements for all completed ones, two for each
 * other. next_run_at is in the task table's zone (NOW), everything else in UTC.
 */
export function finishStatements(names: TableNames, settlements: Settlement[]): Statement[] {
  const done = settlements.filter((one) => one.task_status === 'done');
  const others = settlements.filter((one) => one.task_status !== 'done');
  return [...(done.length > 0 ? completed(names, done) : []), ...others.flatMap((one) => ended(names, one))];
}

function completed(names: TableNames, done: Settlement[]): Statement[] {
  const results = (id: (s: Settlement) => number) => ({
    sql: `CASE id ${done.map(() => 'WHEN ? THEN ?').join(' ')} END`,
    values: done.flatMap((s) => [id(s), s.result]),
  });
  const task = results((s) => s.finish.task_id);
  const assignment = results((s) => s.finish.assignment_id);
  return [
    {
      sql: `UPDATE ${names.task} SET status = 'done', claim_token = NULL, lost_count = 0, last_error = NULL,
              finished_at = UTC_TIMESTAMP(3), updated_at = NOW(3), result = ${task.sql} WHERE id IN (?)`,
      values: [...task.values, done.map((s) => s.finish.task_id)],
      expect: done.length,
    },
    {
      sql: `UPDATE ${names.assignment} SET status = 'completed', completed_at = UTC_TIMESTAMP(3),
              updated_at = UTC_TIMESTAMP(3), result = ${assignment.sql},
              started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL
                CASE id ${done.map(() => 'WHEN ? THEN ?').join(' ')} END MICROSECOND)
            WHERE id IN (?)`,
      values: [
        ...assignment.values,
        ...done.flatMap((s) => [s.finish.assignment_id, Math.round(s.finish.age_ms * 1000)]),
        done.map((s) => s.finish.assignment_id),
      ],
      expect: done.length,
    },
  ];
}

function ended(names: TableNames, one: Settlement): Statement[] {
  const { finish } = one;
  const final = one.task_status === 'failed' || one.task_status === 'cancelled';
  // A released attempt says nothing about the task: its count of deaths and its last error stay.
  const keeps = one.assignment_status === 'released' && one.due_in_s === undefined;
  return [
    {
      sql: `UPDATE ${names.task} SET status = ?, claim_token = NULL, retry = ?, updated_at = NOW(3),
              ${keeps ? '' : 'lost_count = 0, last_error = ?,'}
              ${one.due_in_s === undefined ? '' : 'next_run_at = NOW(3) + INTERVAL ? MICROSECOND,'}
              finished_at = ${final ? 'UTC_TIMESTAMP(3)' : 'NULL'} WHERE id = ?`,
      values: [
        one.task_status,
        one.retry,
        ...(keeps ? [] : [one.error_message]),
        ...(one.due_in_s === undefined ? [] : [Math.round(one.due_in_s * 1e6)]),
        finish.task_id,
      ],
      expect: 1,
    },
    {
      sql: `UPDATE ${names.assignment} SET status = ?, completed_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3),
              error_message = ?, error_class = ?, cause = ?,
              started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND) WHERE id = ?`,
      values: [
        one.assignment_status,
        one.error_message,
        one.error_class,
        one.cause,
        Math.round(finish.age_ms * 1000),
        finish.assignment_id,
      ],
      expect: 1,
    },
  ];
}
