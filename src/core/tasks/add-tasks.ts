import type { Context } from '../context/context.ts';
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
  const types = tasks.map((one) => one.task_type);
  // The time is asked for where a task names one.
  const now = tasks.some((one) => one.run_at) ? await databaseNowMs(session) : 0;
  const doubts = new TaskDoubts(now, await producer.handled.of(session, types));
  const answers = await producer.enqueue(tasks);
  for (const [n, task] of tasks.entries()) if (answers[n]?.created === true) doubts.check(task);
  return { tasks: answers, warnings: doubts.sentences };
}
