import type { BatchAsked } from '../batches/batch-of-input.ts';
import type { Context } from '../context/context.ts';
import type { Producer } from '../context/producer.ts';
import { databaseNowMs } from '../db/rows.ts';
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

/**
 * Adds all tasks or none, in one transaction. `batch`: to which, and who makes it if it is new. `owner`: the submitter who adds
 * them; without one, they are nobody's.
 * @throws AfdError E_USAGE; E_NOT_FOUND, E_CONFLICT of the batch; DatabaseError
 */
export async function addTasks(
  context: Context,
  given: NewTask[],
  { batch, owner }: { batch?: BatchAsked | undefined; owner?: string | undefined } = {},
): Promise<AddedTasks> {
  // What is wrong is reported before anything is connected.
  const tasks = checkNewTasks(given);
  const producer = await context.producer();
  const session = await producer.session();
  const types = tasks.map((one) => one.task_type);
  // The time is asked for where a task names one.
  const now = tasks.some((one) => one.run_at) ? await databaseNowMs(session) : 0;
  const doubts = new TaskDoubts(now, await producer.handled.of(session, types));
  const { batch_id, tasks: answers } = await intoBatch(producer, tasks, batch, owner);
  for (const [n, task] of tasks.entries()) if (answers[n]?.created === true) doubts.check(task);
  return { tasks: answers, batch_id, warnings: doubts.sentences };
}

/** @throws as Producer.enqueueInto; E_USAGE for the name of the batch */
export async function intoBatch(
  producer: Producer,
  tasks: NewTask[],
  batch: BatchAsked | undefined,
  owner?: string,
): Promise<{ batch_id: number | null; tasks: InsertedTask[] }> {
  if (batch === undefined) return { batch_id: null, tasks: await producer.enqueue(tasks, owner) };
  return producer.enqueueInto(tasks, batch.into, saidBy(batch.by), owner);
}
