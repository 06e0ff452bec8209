import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { InsertTasksOptions } from '../db/tasks/insert-task-batch.ts';
import { type InsertedTask, insertTasks } from '../db/tasks/insert-tasks.ts';
import { repeated, transaction } from '../db/transaction.ts';
import type { NewTask } from '../domain/task/task.ts';

/** Sessions that enqueue overlapping keys at once may meet in a deadlock; each round ends one of them for good. */
const ENQUEUE_TRIES = 10;

/**
 * Inserts all tasks or none, in a transaction of its own; one answer per task, in input order. After a lost connection
 * it is unknown whether they are in: with dedupe keys the call may simply be repeated.
 * @throws AfdError E_USAGE; DatabaseError
 */
export async function enqueueTasks(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  options: InsertTasksOptions,
): Promise<InsertedTask[]> {
  const insert = () => insertTasks(session, names, tasks, options);
  // One row is one statement, which is whole by itself: two round trips less.
  if (tasks.length === 1) return repeated(ENQUEUE_TRIES, insert);
  return transaction(session, insert, ENQUEUE_TRIES, options.piggybacked);
}
