import type { KnownLane } from '../lane.ts';
import type { AssignmentStatus, TaskStatus } from '../task/task.ts';
import type { Outcome } from './outcome.ts';
import { oneMore } from './retry.ts';

/** One attempt of this worker that has ended and must be written. */
export interface Finish {
  task_id: number;
  task_type: string;
  attempt: number;
  /** Null = a deferred claim, as far as its worker knows: the attempt has no row yet. */
  assignment_id: number | null;
  claim_token: Buffer;
  /** Result of attemptKey(), where it is known. */
  key?: string;
  outcome: Outcome;
  /**
   * Milliseconds since the handler began, by this machine's monotonic clock: started_at = database time − age. Null = it
   * never began.
   */
  age_ms: number | null;
  /** Where the pulse board of this process holds it until its end is written; absent = nowhere. */
  place?: number;
  /** The database has a checkpoint of its task. */
  checkpoint?: boolean;
  /** Of a released attempt: where its task waits again, for other devices. */
  lane?: KnownLane;
}

/** A task row of batch 1, locked. */
export interface LockedTask {
  id: number;
  claim_token: Buffer | null;
  status: TaskStatus;
  retry: number | null;
  max_retry_count: number | null;
  target_device_id: string | null;
  attempt: number;
  /** Set by a deferred claim until its attempt is materialized; null otherwise. */
  claimed_by: string | null;
  claimed_at: string | null;
  claim_deadline: string | null;
}

/** An assignment row of batch 1, locked. */
export interface LockedAssignment {
  id: number;
  task_id: number;
  claim_token: Buffer;
  status: AssignmentStatus;
  revoked_at: string | null;
  revoke_outcome: 'cancelled' | 'released' | null;
}

/** What will be written for one attempt. Undefined = leave the column. */
export interface AttemptEnd {
  finish: Finish;
  /** The row of the attempt to end, or the inline claim columns, to be materialized together with its end. */
  record: { assignment_id: number } | InlineClaim;
  assignment_status: AssignmentStatus;
  task_status: TaskStatus;
  /** New value of `retry`. */
  retry: number;
  /** Seconds from the database's now until the task is due again. */
  due_in_s?: number;
  error_message: string | null;
  error_class: string | null;
  cause: string | null;
  result: string | null;
}

/** What stands on the task row while the attempt has no row of its own. */
export interface InlineClaim {
  assignment_id: null;
  /** Number of the attempt. */
  attempt: number;
  /** `retry` of the task when it was claimed. */
  retry_at_claim: number;
  claimed_at: string;
  deadline_at: string;
}

export type Reconciled =
  | { kind: 'accepted'; end: AttemptEnd }
  /** Ended under my token with what I was going to write: my own earlier COMMIT, whose answer was lost. */
  | { kind: 'committed'; finish: Finish; task_status: string }
  /** `inline`: another program changed the task, and the attempt must still be materialized as lost. */
  | { kind: 'lost'; finish: Finish; reason: string; inline?: InlineClaim };

/** The inline claim columns under this token, if the task row still has them. */
export function inlineClaim(finish: Finish, task: LockedTask | undefined): InlineClaim | undefined {
  if (task?.claimed_by == null || task.claim_token?.equals(finish.claim_token) !== true) return undefined;
  const { attempt, claimed_at, claim_deadline } = task;
  if (claimed_at === null || claim_deadline === null) return undefined;
  return { assignment_id: null, attempt, retry_at_claim: task.retry ?? 0, claimed_at, deadline_at: claim_deadline };
}

/**
 * Decides, from the two locked rows, whether an attempt still belongs to this worker and what its end means. Pure.
 * An attempt is mine if the task is running, both tokens are its own and the assignment is open; of a deferred claim, if the
 * task is running under its token and still bears the claim.
 */
export function reconcile(
  finish: Finish,
  task: LockedTask | undefined,
  assignment: LockedAssignment | undefined,
  policy: { maxRetryCount: number; backoff: (retry: number) => number },
): Reconciled {
  const inline = inlineClaim(finish, task);
  if (inline !== undefined && task !== undefined) {
    if (task.status === 'running') return { kind: 'accepted', end: endOf(finish, task, undefined, inline, policy) };
    return { kind: 'lost', finish, reason: `the task is ${task.status}`, inline };
  }
  if (assignment === undefined) return { kind: 'lost', finish, reason: 'its attempt row was deleted' };
  if (assignment.task_id !== finish.task_id)
    return { kind: 'lost', finish, reason: 'its attempt row belongs to another task' };
  if (!assignment.claim_token.equals(finish.claim_token))
    return { kind: 'lost', finish, reason: 'its attempt row belongs to another claim' };
  if (assignment.status !== 'assigned' && assignment.status !== 'running') {
    return assignment.status === assignmentStatusOf(finish.outcome, assignment)
      ? { kind: 'committed', finish, task_status: statusAfter(finish, task) }
      : { kind: 'lost', finish, reason: `its attempt row already has status ${assignment.status}` };
  }
  if (task === undefined) return { kind: 'lost', finish, reason: 'the task was deleted' };
  if (task.status !== 'running') return { kind: 'lost', finish, reason: `the task is ${task.status}` };
  if (task.claim_token === null || !task.claim_token.equals(finish.claim_token)) {
    return { kind: 'lost', finish, reason: 'the task belongs to another claim' };
  }
  return { kind: 'accepted', end: endOf(finish, task, assignment, { assignment_id: assignment.id }, policy) };
}

/** What the attempt left of its task; a later attempt may have changed that since. */
function statusAfter(finish: Finish, task: LockedTask | undefined): string {
  if (task === undefined) return 'gone';
  return task.attempt > finish.attempt && finish.outcome.kind !== 'done' ? 'pending' : task.status;
}

/** A result that arrives first wins over a revoke; any other end of a revoked attempt is what the operator wanted. */
function assignmentStatusOf(outcome: Outcome, assignment: LockedAssignment | undefined): AssignmentStatus {
  if (outcome.kind === 'done') return 'completed';
  if (assignment !== undefined && assignment.revoked_at !== null) return assignment.revoke_outcome ?? 'released';
  if (outcome.kind === 'timeout') return 'timeout';
  return outcome.kind === 'retry' || outcome.kind === 'permanent' ? 'failed' : 'released';
}

function completed(finish: Finish, record: AttemptEnd['record'], retry: number, result: unknown): AttemptEnd {
  return {
    finish,
    record,
    assignment_status: 'completed',
    task_status: 'done',
    retry,
    error_message: null,
    error_class: null,
    cause: null,
    result: JSON.stringify(result ?? null),
  };
}

function endOf(
  finish: Finish,
  task: LockedTask,
  assignment: LockedAssignment | undefined,
  record: AttemptEnd['record'],
  policy: { maxRetryCount: number; backoff: (retry: number) => number },
): AttemptEnd {
  const { outcome } = finish;
  const retry = task.retry ?? 0;
  const open: TaskStatus = task.target_device_id === null ? 'pending' : 'assigned';
  if (outcome.kind === 'done') return completed(finish, record, retry, outcome.result);
  const assignment_status = assignmentStatusOf(outcome, assignment);
  const base = {
    finish,
    record,
    assignment_status,
    retry,
    error_message: null,
    error_class: null,
    cause: null,
    result: null,
  };
  const error_message = 'error_message' in outcome ? outcome.error_message : null;
  if (assignment !== undefined && assignment.revoked_at !== null) {
    const task_status = assignment_status === 'cancelled' ? 'cancelled' : open;
    return { ...base, task_status, error_message, cause: 'revoked' };
  }
  switch (outcome.kind) {
    case 'released':
      return { ...base, task_status: open, cause: outcome.cause };
    case 'later':
      return { ...base, task_status: open, due_in_s: outcome.after, error_message, cause: 'later' };
    case 'permanent':
      return { ...base, task_status: 'failed', retry: oneMore(retry), error_message, error_class: outcome.error_class };
    default: {
      const spent = oneMore(retry);
      const error_class = outcome.kind === 'timeout' ? 'timeout' : outcome.error_class;
      if (spent > (task.max_retry_count ?? policy.maxRetryCount)) {
        return { ...base, task_status: 'failed', retry: spent, error_message, error_class };
      }
      const after = outcome.kind === 'retry' ? outcome.after : undefined;
      return {
        ...base,
        task_status: open,
        retry: spent,
        due_in_s: after ?? policy.backoff(spent),
        error_message,
        error_class,
      };
    }
  }
}
