// A light claim leaves its facts on the task row instead of writing a row for the attempt: claimed_by is set as long as
// the attempt has none. Whoever writes that row clears the facts in the same transaction, under the task's lock.
import type { TableNames } from '../table-names.ts';
import type { Statement } from './statement.ts';

/** For the SET of an UPDATE of the task table. */
export const NO_INLINE_CLAIM = 'claimed_by = NULL, claim_instance = NULL, claimed_at = NULL, claim_deadline = NULL';

/**
 * Copies the facts of these tasks into rows of the assignment table. Under the locks of the task rows, by PRIMARY. A row
 * whose facts were touched by another program is recorded all the same. `status` lost, released = the attempt is over.
 */
export function materializeAttempts(
  names: TableNames,
  taskIds: number[],
  {
    status,
    cause,
    error_message,
  }: { status: 'assigned' | 'lost' | 'released'; cause: string | null; error_message?: string },
): Statement {
  const over = status === 'assigned' ? 'NULL' : 'UTC_TIMESTAMP(3)';
  return {
    sql: `INSERT INTO ${names.assignment} (task_id, device_id, assigned_at, completed_at, status, retry_count, attempt,
            claim_token, instance_token, deadline_at, cause, error_message)
          SELECT id, claimed_by, ${real('claimed_at')}, ${over}, ?, COALESCE(retry, 0), attempt, COALESCE(claim_token, REPEAT('\\0', 16)),
            claim_instance, COALESCE(${real('claim_deadline')}, UTC_TIMESTAMP(3)), ?, ?
          FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) AND claimed_by IS NOT NULL ORDER BY id`,
    values: [status, cause, error_message ?? null, taskIds],
    expect: taskIds.length,
  };
}

/** Another program may have written a zero date, which no column of ours takes. */
function real(column: string): string {
  return `IF(${column} >= TIMESTAMP'1970-01-01 00:00:00', ${column}, NULL)`;
}

/** An age for INTERVAL ? MICROSECOND; null makes the whole time NULL. */
export function microseconds(ageMs: number | null): number | null {
  return ageMs === null ? null : Math.round(ageMs * 1000);
}
