import type { NewTask } from '../task/task.ts';

/**
 * How an attempt ended, as the handler said it or as the worker saw it. Nothing else exists.
 * - `done`: complete; `enqueue` is inserted in the same transaction.
 * - `retry`: a failed attempt; uses one retry of the retry budget. `after` (seconds from now) replaces the backoff.
 * - `later`: not now (quota, not ready): back to pending, no retry used.
 * - `permanent`: failed for good, whatever is left of the retry budget.
 * - `timeout`: the worker ended it at its deadline; uses a retry.
 * - `released`: returned unfinished (drain, lost database, revoke); uses nothing.
 */
export type Outcome =
  | { kind: 'done'; result: unknown; enqueue: NewTask[] }
  | { kind: 'retry'; error_message: string; error_class: string; after?: number }
  | { kind: 'later'; error_message: string; after: number }
  | { kind: 'permanent'; error_message: string; error_class: string }
  | { kind: 'timeout'; error_message: string }
  | { kind: 'released'; cause: ReleaseCause };

/**
 * Why an attempt was released: stored in af_task_assignment.cause. `handler_thread`: the thread of handlers that it
 * shared ended because of another attempt; `handler_process`: the process that it was given to ended because of an earlier one.
 */
export type ReleaseCause =
  | 'shutdown'
  | 'database'
  | 'revoked'
  | 'stuck'
  | 'unclaimed'
  | 'prefetched'
  | 'blocked'
  | 'handler_thread'
  | 'handler_process';
