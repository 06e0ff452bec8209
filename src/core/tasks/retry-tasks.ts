import type { Context } from '../context/context.ts';
import { momentOf, type When } from '../context/moment.ts';
import type { RetriedTask } from '../db/tasks/retry-task.ts';
import { type RetryFilter, retryableTasks } from '../db/tasks/retry-tasks.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { retryAudited } from './audited-acts.ts';

/** Tasks of one call; the next call takes the next ones. */
export const MOST_RETRIES = 100_000;
/** Tasks that are put back before devices are rung for them. */
const NOTIFY_EVERY = 500;

export interface RetryByFilter {
  status: RetryFilter['status'];
  task_type?: string | undefined;
  since?: When | undefined;
  limit: number;
}

export interface RetriedTasks {
  /** Tasks that matched when they were read. */
  matched: number;
  retried: number;
  /** Tasks that had changed when it was their turn, or were gone: left alone. */
  skipped: number;
  dry_run: boolean;
  /** Those that fitted, with dry_run; else those that were retried. */
  task_ids: number[];
  /** Those that were retried. */
  tasks: RetriedTask[];
}

/** Ids that fit, oldest first; changes nothing. @throws DatabaseError */
export async function findRetryable(context: Context, filter: RetryByFilter): Promise<number[]> {
  const session = await context.session();
  const since = filter.since === undefined ? undefined : await momentOf(session, filter.since);
  return retryableTasks(session, context.names, { ...filter, since });
}

/**
 * Runs these tasks again, now, each in a transaction of its own, as long as they are still in that status.
 * @throws DatabaseError; those before it are done
 */
export async function retryEach(
  context: Context,
  taskIds: number[],
  { only, by }: { only: RetryFilter['status']; by: Actor },
  onProgress?: (done: number) => void,
): Promise<RetriedTasks> {
  const producer = await context.producer();
  const session = await producer.session();
  const result = { matched: taskIds.length, retried: 0, skipped: 0, dry_run: false, task_ids: [] as number[] };
  const tasks: RetriedTask[] = [];
  let notified = 0;
  const notify = async () => {
    await producer.notifyAgain(result.task_ids.slice(notified));
    return result.retried;
  };
  for (const id of taskIds) {
    try {
      tasks.push(await retryAudited({ session, names: context.names }, id, { only, by }));
      result.retried += 1;
      result.task_ids.push(id);
    } catch (error) {
      const own = error instanceof AfdError && (error.code === 'E_NOT_FOUND' || error.code === 'E_CONFLICT');
      if (own) result.skipped += 1;
      else throw stopped(error, { ...result, tasks });
    }
    onProgress?.(result.retried + result.skipped);
    if (result.retried - notified >= NOTIFY_EVERY) notified = await notify();
  }
  await notify();
  return { ...result, tasks };
}

/** Idempotent to go on: what is pending now does not fit any more. */
function stopped(error: unknown, { matched, retried, skipped }: RetriedTasks): unknown {
  if (!(error instanceof AfdError)) return error;
  const message = `${error.message} ${retried} of ${matched} tasks were retried before this error; run the command again for the others.`;
  return new AfdError(error.code, message, {
    suggestions: error.suggestions,
    data: { ...error.data, matched, retried, skipped },
    cause: error,
  });
}
