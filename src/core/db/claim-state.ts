// The first column of afd_claim. It says what `status` says, in an order of its own, because of two things that the engine
// does at the ends of a range:
// - A claim locks one entry more than its lane has (MariaDB asks whether a range has ended after it has locked the entry).
//   Behind the pending entries are those of finished tasks, for which nobody waits. In the order of `status` it was the entry
//   of a running task, and two workers that locked each other's running tasks in this way ended as a deadlock. Of the finished
//   ones the newest day comes first (`claim_rank`): a program that deletes old tasks by the hundred thousand leaves dead
//   and uncommitted entries behind, and each claim would have to walk over them.
// - When a page is split, a transaction that has locked the first entry of the new page also gets the gap before it, unless
//   it runs at READ COMMITTED. So no entry that is written often may lie right before the pending ones: a program that adds
//   tasks in one long transaction would stop every finish and every claim.
import type { TaskStatus } from '../domain/task.ts';

/** In the order of the index. What is none of these (NULL, a word of another program) is 0. */
const ORDER: readonly TaskStatus[] = ['pending', 'done', 'failed', 'cancelled', 'waiting', 'assigned', 'running'];

/** The expression of the generated column. */
export const CLAIM_STATE = `FIELD(status, ${ORDER.map((status) => `'${status}'`).join(', ')})`;

const FINISHED: readonly TaskStatus[] = ['done', 'failed', 'cancelled'];

/** The generated column claim_rank: 0 (best) to 10 by priority; of a finished task minus its day. `dueAt`: an expression. */
export function claimRankColumn(dueAt: string): string {
  const day = `LEAST(DATEDIFF(${dueAt}, TIMESTAMP'1970-01-01 00:00:00'), 32767)`;
  const rank = '10 - LEAST(GREATEST(COALESCE(priority, 5), 0), 10)';
  return `IF(status IN (${FINISHED.map((status) => `'${status}'`).join(', ')}), -${day}, ${rank})`;
}

/** A condition on tasks of one status, as the index is read by it. `alias` of the task table, if the statement has one. */
export function stateIs(status: TaskStatus, alias?: string): string {
  return `${alias === undefined ? '' : `${alias}.`}claim_state = ${ORDER.indexOf(status) + 1}`;
}

/** The same of several. */
export function stateIn(...statuses: TaskStatus[]): string {
  return `claim_state IN (${statuses.map((status) => ORDER.indexOf(status) + 1).join(', ')})`;
}
