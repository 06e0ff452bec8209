// How the leader ends an attempt in its holder's place. Pure: from the locked rows to what is written. A worker's own
// ends are in reconcile.ts.

import type { AssignmentStatus, TaskStatus } from '../task/task.ts';
import { fitText, type TextWidth } from '../text/fit-text.ts';
import type { ReleaseCause } from './outcome.ts';
import { backoff, mayRetry, oneMore, type RetryPolicy } from './retry.ts';

/** Why an attempt is `lost`: stored in af_task_assignment.cause. */
export type LostCause = 'device_dead' | 'device_offline' | 'device_removed' | 'superseded' | 'foreign' | 'not_begun';
/** The device is gone: not another program's doing, and not a deadline. */
export type DeviceLoss = Exclude<LostCause, 'foreign' | 'not_begun'>;

/** The task of an open attempt, locked. */
export interface HeldTask {
  retry: number | null;
  max_retry_count: number | null;
  lost_count: number;
  target_device_id: string | null;
}

export interface HeldAttempt {
  device_id: string;
  /** The leader materialized it, so it is not known whether its handler had begun. */
  perhaps_unbegun: boolean;
  /** Its row says running. False: its handler may never have begun. */
  begun: boolean;
  revoked_at: string | null;
  revoke_outcome: 'cancelled' | 'released' | null;
}

export interface EndPolicy {
  max_retry_count: number;
  retry_backoff: RetryPolicy;
  /** Seconds to wait after the n-th death; as many entries as deaths make a task poison. */
  lost_backoff: number[];
}

/** What is written. `task` absent = the task is no longer this attempt's and stays as it is. */
export interface AttemptEnd {
  assignment: { status: AssignmentStatus; cause: string; error_class: string | null; error_message: string | null };
  task?: {
    status: TaskStatus;
    retry: number;
    lost_count: number;
    /** Seconds until it is due again; null = as due as it was, so that it keeps its place. */
    due_in_s: number | null;
    /** Null = keep what is there. */
    last_error: string | null;
  };
}

/** The worker died under it, or its device is gone. `task` undefined = no longer this attempt's. */
export function endLost(
  attempt: HeldAttempt,
  task: HeldTask | undefined,
  cause: DeviceLoss,
  policy: EndPolicy,
): AttemptEnd {
  if (task !== undefined && attempt.revoked_at !== null) return endRevoked(attempt, task);
  return loss(attempt, task, cause, policy);
}

/**
 * Past its deadline. Begun: `timeout`, uses one retry of the budget; `random` in [0, 1) varies the backoff. Not stored
 * as begun: `lost`, the budget unused, since a task that never ran must not count as timed out or failed.
 */
export function endOverdue(
  attempt: HeldAttempt,
  task: HeldTask | undefined,
  policy: EndPolicy,
  random: () => number,
): AttemptEnd {
  if (task === undefined) return endForeign(attempt);
  if (attempt.revoked_at !== null) return endRevoked(attempt, task);
  if (!attempt.begun) return loss(attempt, task, 'not_begun', policy);
  const error_message = `exceeded its deadline on device ${attempt.device_id}, which did not end it`;
  const retry = oneMore(task.retry ?? 0);
  const again = mayRetry(retry, task.max_retry_count ?? policy.max_retry_count);
  return {
    assignment: { status: 'timeout', cause: 'deadline', error_class: 'timeout', error_message },
    task: {
      status: again ? openStatus(task) : 'failed',
      retry,
      lost_count: task.lost_count,
      due_in_s: again ? backoff(retry, policy.retry_backoff, random) : null,
      last_error: error_message,
    },
  };
}

function loss(
  attempt: HeldAttempt,
  task: HeldTask | undefined,
  cause: Exclude<LostCause, 'foreign'>,
  policy: EndPolicy,
): AttemptEnd {
  const error_message = `device ${attempt.device_id} ${LOST_BECAUSE[cause]}`;
  const assignment = { status: 'lost' as const, cause, error_class: null, error_message };
  if (task === undefined) return { assignment };
  // Only a worker that died under a begun attempt may have died of it. From its second attempt on a task is always
  // claimed with an immediate claim, so a task that kills its workers, or stops them from writing that it has begun, is
  // counted from then on.
  const lost_count = attempt.perhaps_unbegun ? task.lost_count : oneMore(task.lost_count);
  const same = { retry: task.retry ?? 0, lost_count };
  if (!attempt.perhaps_unbegun && lost_count >= policy.lost_backoff.length) {
    const befell = cause === 'not_begun' ? 'were lost before it started' : 'died while running it';
    const last_error = `poison: ${lost_count} worker(s) ${befell}; last error: ${error_message}`;
    return {
      assignment: { ...assignment, error_class: 'poison' },
      task: { ...same, status: 'failed', due_in_s: null, last_error },
    };
  }
  const wait = attempt.perhaps_unbegun ? 0 : (policy.lost_backoff[lost_count - 1] ?? 0);
  return {
    assignment,
    task: { ...same, status: openStatus(task), due_in_s: wait > 0 ? wait : null, last_error: error_message },
  };
}

/** Revoked by an operator, and its holder did not end it: what the operator wanted, nothing spent. */
export function endRevoked(attempt: HeldAttempt, task: HeldTask | undefined): AttemptEnd {
  if (task === undefined) return endForeign(attempt);
  const status = attempt.revoke_outcome ?? 'released';
  const error_message = `revoked; ended by the leader, because device ${attempt.device_id} did not`;
  return {
    assignment: { status, cause: 'revoked', error_class: null, error_message },
    task: {
      status: status === 'cancelled' ? 'cancelled' : openStatus(task),
      retry: task.retry ?? 0,
      lost_count: task.lost_count,
      due_in_s: null,
      last_error: null,
    },
  };
}

/** Released by its own worker's liveness thread, because the main thread is blocked: it has not begun, or cannot end. */
export function endBlocked(attempt: HeldAttempt, task: HeldTask | undefined): AttemptEnd {
  if (task === undefined) return endForeign(attempt);
  if (attempt.revoked_at !== null) return endRevoked(attempt, task);
  const error_message = `released, because the main thread of device ${attempt.device_id} was blocked`;
  return {
    assignment: { status: 'released', cause: 'blocked' satisfies ReleaseCause, error_class: null, error_message },
    task: {
      status: openStatus(task),
      retry: task.retry ?? 0,
      lost_count: task.lost_count,
      due_in_s: null,
      last_error: null,
    },
  };
}

/** Another program deleted or reset the task, or another attempt has it: only the attempt's row is closed. */
export function endForeign(attempt: HeldAttempt): AttemptEnd {
  return {
    assignment: {
      status: 'lost',
      cause: 'foreign',
      error_class: null,
      error_message: `this attempt of device ${attempt.device_id} no longer held the task`,
    },
  };
}

export const LOST_BECAUSE = {
  device_dead: 'was declared dead',
  device_offline: 'is offline',
  device_removed: 'was removed',
  superseded: 'was replaced by a new instance',
  foreign: 'held a task that another program changed',
  not_begun: 'did not start it before the deadline, or did not report the start',
} as const;

/** `reassign --to` of a running task names its next device; it is directed once the holder releases it. */
function openStatus(task: HeldTask): TaskStatus {
  return task.target_device_id === null ? 'pending' : 'assigned';
}

/** The same end with texts that the columns can hold. */
export function fittedEnd(end: AttemptEnd, widths: Record<'last_error' | 'error_message', TextWidth>): AttemptEnd {
  const cut = (text: string | null, width: TextWidth) => (text === null ? null : fitText(text, width));
  return withTexts(
    end,
    (text) => cut(text, widths.error_message),
    (text) => cut(text, widths.last_error),
  );
}

/** The same end without its texts: for a row that refuses them. An end without a reason is better than none. */
export function bareEnd(end: AttemptEnd): AttemptEnd {
  const nothing = () => null;
  return withTexts(end, nothing, nothing);
}

type Edit = (text: string | null) => string | null;

function withTexts({ assignment, task }: AttemptEnd, message: Edit, last: Edit): AttemptEnd {
  return {
    assignment: { ...assignment, error_message: message(assignment.error_message) },
    ...(task === undefined ? {} : { task: { ...task, last_error: last(task.last_error) } }),
  };
}
