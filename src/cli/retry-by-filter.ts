// `afd tasks retry --status …`: finds the tasks, asks for confirmation if there are many, then retries them.
import type { Context } from '../core/context/context.ts';
import { AfdError } from '../core/domain/errors.ts';
import { findRetryable, type RetriedTasks, type RetryByFilter, retryEach } from '../core/tasks/retry-tasks.ts';
import { canAsk, confirm } from './ask/confirm.ts';
import { operator } from './operator.ts';

/** Retrying more than this many tasks needs a confirmation. */
const MANY = 100;

interface RetryAsk {
  dryRun: boolean;
  yes: boolean;
  json: boolean;
  /** The command as it was typed. */
  again: string;
  reason: string | undefined;
}

/** @throws AfdError E_USAGE when many were not confirmed; DatabaseError */
export async function retryByFilter(
  context: Context,
  filter: RetryByFilter,
  { dryRun, yes, json, again, reason }: RetryAsk,
): Promise<RetriedTasks> {
  const ids = await findRetryable(context, filter);
  if (dryRun) return { matched: ids.length, retried: 0, skipped: 0, dry_run: true, task_ids: ids, tasks: [] };
  if (ids.length > MANY && !yes) {
    const refused = (why: string) =>
      new AfdError('E_USAGE', `${ids.length} ${filter.status} tasks match${why} Nothing was retried.`, {
        suggestions: [`${again} --yes`, `${again} --dry-run`],
        data: { matched: ids.length },
      });
    if (json || !canAsk()) throw refused(`; retrying more than ${MANY} requires --yes.`);
    if (!(await confirm(`Retry ${ids.length} ${filter.status} tasks?`)))
      throw refused(', and the retry was not confirmed.');
  }
  return retryEach(context, ids, { only: filter.status, by: operator(reason) });
}

export function renderRetriedTasks({ matched, retried, skipped, dry_run, task_ids }: RetriedTasks): string {
  if (matched === 0) return 'No matching tasks.';
  if (dry_run) {
    const shown = task_ids.slice(0, 20).join(', ');
    return `Would retry ${matched} task${matched === 1 ? '' : 's'}: ${shown}${matched > 20 ? ', …' : ''}`;
  }
  const left = skipped === 0 ? '' : ` Skipped ${skipped} task${skipped === 1 ? '' : 's'} whose status had changed.`;
  return `Retried ${retried} task${retried === 1 ? '' : 's'}.${left}`;
}

/** The ids, or undefined when it is by filter. @throws AfdError E_USAGE for both, or neither */
export function idsOrFilter(
  ids: number[] | undefined,
  { status, force }: { status?: string | undefined; force: boolean },
): number[] | undefined {
  const given = ids ?? [];
  const wrong = (message: string) => new AfdError('E_USAGE', message, { suggestions: ['afd tasks retry --help'] });
  if (given.length > 0 && status !== undefined) throw wrong('Give either task ids or --status, not both.');
  if (given.length === 0 && status === undefined)
    throw wrong('No tasks are selected: give task ids, or --status failed.');
  if (status !== undefined && force)
    throw wrong('--force works only with task ids: filters do not match tasks that are done.');
  return status === undefined ? given : undefined;
}
