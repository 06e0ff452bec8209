import { actsNotShown, type TaskActs, taskActs } from '../audit/task-acts.ts';
import type { Context } from '../context/context.ts';
import { type TaskView, viewTask } from '../db/search/view-task.ts';
import type { TaskWaiting } from '../domain/placement/waiting.ts';
import { taskWaiting } from '../tasks/why-pending.ts';

export interface ViewedTask extends TaskView, TaskActs {
  /** Null = it does not wait for a device. */
  waiting: TaskWaiting | null;
}

/**
 * A task with its newest attempts, who acted on it, and why it waits. `hidden`: why its reader does not see the acts.
 * @throws AfdError E_NOT_FOUND; DatabaseError
 */
export async function viewedTask(
  context: Context,
  taskId: number,
  hidden: string | undefined,
): Promise<{ now: string; task: ViewedTask }> {
  const { now, task } = await viewTask(await context.session(), context.names, taskId);
  const acts = hidden === undefined ? await taskActs(context, taskId) : actsNotShown(hidden);
  return { now, task: { ...task, ...acts, waiting: await taskWaiting(context, task) } };
}
