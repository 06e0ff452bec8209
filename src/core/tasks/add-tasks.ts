import type { BatchAsked } from '../batches/batch-of-input.ts';
import type { Context } from '../context/context.ts';
import type { Enqueued, OwnedTasks } from '../context/enqueue.ts';
import type { Producer } from '../context/producer.ts';
import { databaseNowMs } from '../db/rows.ts';
import type { Session } from '../db/session.ts';
import type { InsertedTask } from '../db/tasks/insert-tasks.ts';
import { saidBy } from '../domain/audit/actor.ts';
import { checkNewTasks } from '../domain/task/new-task.ts';
import type { NewTask } from '../domain/task/task.ts';
import { TaskDoubts } from './task-doubts.ts';

export interface AddedTasks {
  /** In the order in which they were given. */
  tasks: InsertedTask[];
  /** To which they were added; null = to none. */
  batch_id: number | null;
  /** What is odd about those that are new, in sentences; they are added all the same. */
  warnings: string[];
}

export interface AddTasksOptions {
  /** To which they are added, and who makes it if it is new. */
  batch?: BatchAsked | undefined;
  /** The submitter who adds them; without one, they are nobody's. */
  owner?: string | undefined;
  /** Writes something more in the transaction that adds them, which may be repeated. */
  also?: ((session: Session, added: AddedTasks) => Promise<void>) | undefined;
}

/**
 * Adds all tasks or none, in one transaction.
 * @throws AfdError E_USAGE; E_NOT_FOUND, E_CONFLICT of the batch; DatabaseError
 */
export async function addTasks(
  context: Context,
  given: NewTask[],
  { batch, owner, also }: AddTasksOptions = {},
): Promise<AddedTasks> {
  // What is wrong is reported before anything is connected.
  const tasks = checkNewTasks(given);
  const producer = await context.producer();
  const session = await producer.session();
  const types = tasks.map((one) => one.task_type);
  // The time is asked for where a task names one.
  const now = tasks.some((one) => one.run_at) ? await databaseNowMs(session) : 0;
  const handled = await producer.handled.of(session, types);
  const withWarnings = (added: Enqueued): AddedTasks => {
    const doubts = new TaskDoubts(now, handled);
    for (const [n, task] of tasks.entries()) if (added.tasks[n]?.created === true) doubts.check(task);
    return { ...added, warnings: doubts.sentences };
  };
  const inside = also && ((own: Session, added: Enqueued) => also(own, withWarnings(added)));
  return withWarnings(await intoBatch(producer, tasks, batch, { owner, also: inside }));
}

/** @throws as Producer.enqueueInto; E_USAGE for the name of the batch */
export async function intoBatch(
  producer: Producer,
  tasks: NewTask[],
  batch: BatchAsked | undefined,
  owned: OwnedTasks = {},
): Promise<Enqueued> {
  if (batch === undefined) return { batch_id: null, tasks: await producer.enqueue(tasks, owned) };
  return producer.enqueueInto(tasks, batch.into, saidBy(batch.by), owned);
}
