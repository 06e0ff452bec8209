import { insertOwner } from '../db/access/task-owners.ts';
import { insertBatch, lockOpenBatch } from '../db/batches/write-batch.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { InsertTasksOptions } from '../db/tasks/insert-task-batch.ts';
import { type InsertedTask, insertTasks } from '../db/tasks/insert-tasks.ts';
import { repeated, transaction } from '../db/transaction.ts';
import { checkBatchName, type IntoBatch } from '../domain/task/batch.ts';
import type { NewTask } from '../domain/task/task.ts';

/** Sessions that enqueue overlapping keys at once may meet in a deadlock; each round ends one of them for good. */
const ENQUEUE_TRIES = 10;

export interface Enqueued {
  /** Null = to none. */
  batch_id: number | null;
  tasks: InsertedTask[];
}

export interface OwnedTasks {
  /** The submitter who adds them, and will see them. */
  owner?: string | undefined;
  /** Writes something more in the transaction that adds the tasks, which may be repeated. */
  also?: ((session: Session, added: Enqueued) => Promise<void>) | undefined;
}

export type EnqueueOptions = InsertTasksOptions & OwnedTasks;

/**
 * Inserts all tasks or none, in a transaction of its own; one answer per task, in input order. After a lost connection
 * it is unknown whether they are in: with dedupe keys the call may simply be repeated.
 * @throws AfdError E_USAGE; DatabaseError
 */
export async function enqueueTasks(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  options: EnqueueOptions,
): Promise<InsertedTask[]> {
  const insert = async () => {
    const added = await insertOwned(session, names, tasks, options);
    await options.also?.(session, { batch_id: null, tasks: added });
    return added;
  };
  // One row is one statement, which is whole by itself: two round trips less.
  if (tasks.length === 1 && options.owner === undefined && options.also === undefined)
    return repeated(ENQUEUE_TRIES, insert);
  return transaction(session, insert, ENQUEUE_TRIES, options.piggybacked);
}

export interface BatchAdded extends Enqueued {
  batch_id: number;
}

/**
 * The same, with the batch that they are added to: one that this transaction makes, or one that is there and open. A task that was there
 * before keeps its own batch, or none. After a lost connection it is unknown whether they are in.
 * @throws AfdError E_USAGE; E_NOT_FOUND, E_CONFLICT of the batch; DatabaseError
 */
export async function enqueueInto(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  options: EnqueueOptions & { into: IntoBatch; by: string },
): Promise<BatchAdded> {
  const { into, by, ...rest } = options;
  if ('name' in into) checkBatchName(into.name);
  const insert = async () => {
    const made = 'name' in into;
    const batch_id = made ? await insertBatch(session, names, { ...into, by, owner: rest.owner }) : into.batch_id;
    if (!made) await lockOpenBatch(session, names, batch_id, rest.owner);
    const added = { batch_id, tasks: await insertOwned(session, names, tasks, { ...rest, batchId: batch_id }) };
    await rest.also?.(session, added);
    return added;
  };
  return transaction(session, insert, ENQUEUE_TRIES, options.piggybacked);
}

/** What was there before stays somebody else's. */
async function insertOwned(
  session: Session,
  names: TableNames,
  tasks: NewTask[],
  { owner, also: _, ...options }: EnqueueOptions,
): Promise<InsertedTask[]> {
  const added = await insertTasks(session, names, tasks, options);
  const created = added.filter((one) => one.created).map((one) => one.task_id);
  if (owner !== undefined) await insertOwner(session, names, owner, created);
  return added;
}
