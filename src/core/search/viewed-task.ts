import type { Context } from '../context/context.ts';
import { type TaskView, viewTask } from '../db/search/view-task.ts';
import type { TaskWaiting } from '../domain/placement/waiting.ts';
import { taskWaiting } from '../tasks/why-pending.ts';

export interface ViewedTask extends TaskView {
  /** Null = it does not wait for a device. */
  waiting: TaskWaiting | null;
}

/** A task with its newest attempts, and why it waits. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function viewedTask(context: Context, taskId: number): Promise<{ now: string; task: ViewedTask }> {
  const { now, task } = await viewTask(await context.session(), context.names, taskId);
  return { now, task: { ...task, waiting: await taskWaiting(context, task) } };
}
