import type { HeldAttempt, HeldTask } from '../../domain/attempt/lost.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { MATERIALIZED_FOR_WORKER } from './materialize-attempts.ts';
import type { AttemptRef } from './orphaned-assignments.ts';

/** An open attempt with both of its rows locked. */
export interface LockedAttempt {
  attempt: HeldAttempt & { id: number; task_id: number; claim_token: Buffer; instance_token: Buffer | null };
  /** Undefined = the task is gone, ended, or another attempt's: nothing may be written to it. */
  task: HeldTask | undefined;
  /** 1 = the deadline is past, by the database's clock. */
  overdue: 0 | 1;
  /** The device as it is now, read without a lock; undefined = removed. */
  device: { status: string; instance_token: Buffer | null } | undefined;
}

/**
 * Locks task and assignment, in that order, each by PRIMARY, and returns what they hold now. SKIP LOCKED: it does not
 * wait for a process that is about to end the attempt itself. Undefined = locked by another process, or over since it
 * was read: the next round reads it again. Needs an open transaction.
 */
export async function lockAttempt(
  session: Session,
  names: TableNames,
  ref: AttemptRef,
): Promise<LockedAttempt | undefined> {
  const [task] = await session.rows<HeldTask & { status: string; claim_token: Buffer | null }>(
    `SELECT status, claim_token, retry, max_retry_count, lost_count, target_device_id
     FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id = ? FOR UPDATE SKIP LOCKED`,
    [ref.task_id],
  );
  if (task === undefined) {
    // Nothing locked: gone, or locked by another process?
    const there = await session.rows(`SELECT 1 FROM ${names.task} WHERE id = ?`, [ref.task_id]);
    if (there.length > 0) return undefined;
  }
  const [attempt] = await session.rows<LockedAttempt['attempt'] & { status: string; overdue: 0 | 1 }>(
    `SELECT id, task_id, device_id, claim_token, instance_token, status, revoked_at, revoke_outcome,
       status = 'assigned' AND cause <=> '${MATERIALIZED_FOR_WORKER}' AS perhaps_unbegun, deadline_at < UTC_TIMESTAMP(3) AS overdue
     FROM ${names.assignment} FORCE INDEX (PRIMARY) WHERE id = ? FOR UPDATE SKIP LOCKED`,
    [ref.id],
  );
  if (attempt === undefined || !attempt.claim_token.equals(ref.claim_token)) return undefined;
  if (attempt.status !== 'assigned' && attempt.status !== 'running') return undefined;
  const [device] = await session.rows<{ status: string; instance_token: Buffer | null }>(
    `SELECT status, instance_token FROM ${names.device} WHERE device_id = ?`,
    [attempt.device_id],
  );
  const current = task?.status === 'running' && task.claim_token?.equals(attempt.claim_token) === true;
  attempt.perhaps_unbegun = Boolean(attempt.perhaps_unbegun);
  attempt.begun = attempt.status === 'running';
  return { attempt, task: current ? task : undefined, overdue: attempt.overdue, device };
}
