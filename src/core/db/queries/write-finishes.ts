import type { Settlement } from '../../domain/settlement.ts';
import type { TableNames } from '../table-names.ts';
import type { Statement } from './statement.ts';
import { endStatements } from './write-end.ts';

/**
 * The writes of packet 2 for attempts that were found to be mine: two statements for all completed ones, two for each
 * other. next_run_at is in the task table's zone (NOW), everything else in UTC.
 */
export function finishStatements(names: TableNames, settlements: Settlement[]): Statement[] {
  const done = settlements.filter((one) => one.task_status === 'done');
  const others = settlements.filter((one) => one.task_status !== 'done');
  return [...(done.length > 0 ? completed(names, done) : []), ...others.flatMap((one) => endStatements(names, one))];
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
