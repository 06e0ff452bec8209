import type { Outcome, ReleaseCause } from '../domain/attempt/outcome.ts';
import type { Finish } from '../domain/attempt/reconcile.ts';
import { ERROR_CODES } from '../domain/errors.ts';
import type { NewTask } from '../domain/task/task.ts';

/** How one run of a handler ended, as a worker reads it. */
export interface HandlerRun {
  task_type: string;
  /** `released`: a signal ended it. */
  outcome: Outcome['kind'];
  duration_ms: number;
  /** Null unless it is done. */
  result: unknown;
  error_message: string | null;
  error_class: string | null;
  /** Seconds after which the handler asked to be tried again; null = it named no time. */
  after: number | null;
  /** Why it was released; null = it was not. */
  cause: ReleaseCause | null;
  /** The tasks that a worker would add in the same transaction. */
  enqueue: NewTask[];
}

export function handlerRun(task_type: string, { outcome, age_ms }: Finish): HandlerRun {
  const done = outcome.kind === 'done';
  return {
    task_type,
    outcome: outcome.kind,
    duration_ms: Math.round(age_ms ?? 0),
    result: done ? outcome.result : null,
    error_message: 'error_message' in outcome ? outcome.error_message : null,
    error_class: 'error_class' in outcome ? outcome.error_class : null,
    after: 'after' in outcome ? (outcome.after ?? null) : null,
    cause: outcome.kind === 'released' ? outcome.cause : null,
    enqueue: done ? outcome.enqueue : [],
  };
}

/** Undefined = it was ended from outside: the signal decides. */
export function exitCodeOf({ outcome }: HandlerRun): number | undefined {
  if (outcome === 'done') return 0;
  if (outcome === 'later') return ERROR_CODES.E_TEMPORARY.exit;
  if (outcome === 'timeout') return ERROR_CODES.E_TIMED_OUT.exit;
  return outcome === 'released' ? undefined : ERROR_CODES.E_TASK_FAILED.exit;
}
