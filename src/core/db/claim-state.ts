// The first column of afd_claim. It says what `status` says, in an order of its own: pending is the highest, so that behind
// the last pending entry of the index there is nothing. A claim locks one entry more than its lane has (MariaDB asks whether
// a range has ended after it has locked the entry); in the order of `status` that was an entry of a running task, and two
// workers that locked each other's running tasks in this way ended as a deadlock, again and again when many claimed at once.
import type { TaskStatus } from '../domain/task.ts';

/** In the order of the index. What is none of these (NULL, a word of another program) is 0. */
const ORDER: readonly TaskStatus[] = ['running', 'assigned', 'waiting', 'done', 'failed', 'cancelled', 'pending'];

/** The expression of the generated column. */
export const CLAIM_STATE = `FIELD(status, ${ORDER.map((status) => `'${status}'`).join(', ')})`;

/** A condition on tasks of one status, as the index is read by it. `alias` of the task table, if the statement has one. */
export function stateIs(status: TaskStatus, alias?: string): string {
  return `${alias === undefined ? '' : `${alias}.`}claim_state = ${ORDER.indexOf(status) + 1}`;
}

/** The same of several. */
export function stateIn(...statuses: TaskStatus[]): string {
  return `claim_state IN (${statuses.map((status) => ORDER.indexOf(status) + 1).join(', ')})`;
}
