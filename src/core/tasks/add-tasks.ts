import type { Context } from '../context/context.ts';
import { handledTypes } from '../db/devices/handled-types.ts';
import { databaseNowMs } from '../db/rows.ts';
import type { InsertedTask } from '../db/tasks/insert-tasks.ts';
import { checkNewTasks } from '../domain/task/new-task.ts';
import type { NewTask } from '../domain/task/task.ts';
import { TaskDoubts } from './task-doubts.ts';

export interface AddedTasks {
  /** In the order in which they were given. */
  tasks: InsertedTask[];
  /** What is odd about those that are new, in sentences; they are added all the same. */
  warnings: string[];
}

/** Adds all tasks or none, in one transaction. @throws AfdError E_USAGE; DatabaseError */
export async function addTasks(context: Context, given: NewTask[]): Promise<AddedTasks> {
  // What is wrong is reported before anything is connected.
  const tasks = checkNewTasks(given);
  const producer = await context.producer();
  const session = await producer.session();
  const doubts = new TaskDoubts(await databaseNowMs(session), await handledTypes(session, context.names));
  const answers = await producer.enqueue(tasks);
  for (const [n, task] of tasks.entries()) if (answers[n]?.created === true) doubts.check(task);
  return { tasks: answers, warnings: doubts.sentences };
}
