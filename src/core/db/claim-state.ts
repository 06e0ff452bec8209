// The first column of afd_claim. It says what `status` says, in an order of its own, because of two things that the
// engine does at the ends of a range:
// - A claim locks one entry more than its lane has (MariaDB asks whether a range has ended after it has locked the
//   entry). Behind the pending entries are those of finished tasks, which no transaction waits for. In the order of
//   `status` it was the entry of a running task, and two workers that locked each other's running tasks in this way
//   ended as a deadlock. Of the finished ones the newest day comes first: a program that deletes old tasks by the
//   hundred thousand leaves dead and uncommitted entries behind, and each claim would have to walk over them.
// - When a page is split, a transaction that has locked the first entry of the new page also gets the gap before it,
//   unless it runs at READ COMMITTED. So no entry that is written often may lie right before the pending ones: a
//   program that adds tasks in one long transaction would stop every finish and every claim.
import type { TaskStatus } from '../domain/task/task.ts';

/** In the order of the index. What is none of these (NULL, a word of another program) is 0. */
const ORDER: readonly TaskStatus[] = ['pending', 'done', 'failed', 'cancelled', 'waiting', 'assigned', 'running'];
const FINISHED: readonly TaskStatus[] = ['done', 'failed', 'cancelled'];
/** From one status to the next: more than there are days. */
const STEP = 100_000;
/** Days since 1970 that count; a later day is as this one. */
const LAST_DAY = 32_767;

/**
 * The generated column claim_state: 100,000 times the place of the status in that order, of a finished task minus its day. The day
 * is part of no other column: each index that has it is written when a task ends. `dueAt`: an expression.
 */
export function claimStateColumn(dueAt: string): string {
  const day = `LEAST(DATEDIFF(${dueAt}, TIMESTAMP'1970-01-01 00:00:00'), ${LAST_DAY})`;
  return `FIELD(status, ${words(ORDER)}) * ${STEP} - IF(status IN (${words(FINISHED)}), ${day}, 0)`;
}

/** A condition on tasks of one status, as the index is read by it. `alias` of the task table, if the statement has one. */
export function stateIs(status: TaskStatus, alias?: string): string {
  const state = (ORDER.indexOf(status) + 1) * STEP;
  const column = `${alias === undefined ? '' : `${alias}.`}claim_state`;
  return FINISHED.includes(status) ? `${column} BETWEEN ${state - LAST_DAY} AND ${state}` : `${column} = ${state}`;
}

/** The same of several, none of them a status of finished tasks. */
export function stateIn(...statuses: Exclude<TaskStatus, 'done' | 'failed' | 'cancelled'>[]): string {
  return `claim_state IN (${statuses.map((status) => (ORDER.indexOf(status) + 1) * STEP).join(', ')})`;
}

function words(statuses: readonly TaskStatus[]): string {
  return statuses.map((status) => `'${status}'`).join(', ');
}
