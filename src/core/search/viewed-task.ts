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
 * A task with its newest attempts, who acted on it, and why it waits. `hidden`: why its reader does not see the acts. `devices`: they
 * may see the fleet.
 * @throws AfdError E_NOT_FOUND; DatabaseError
 */
export async function viewedTask(
  context: Context,
  taskId: number,
  hidden: string | undefined,
  devices: boolean,
): Promise<{ now: string; task: ViewedTask }> {
  const { now, task } = await viewTask(await context.session(), context.names, taskId);
  const acts = hidden === undefined ? await taskActs(context, taskId) : actsNotShown(hidden);
  const waiting = await taskWaiting(context, task);
  return { now, task: { ...task, ...acts, waiting: devices || waiting === null ? waiting : withoutDevices(waiting) } };
}

/** For who may not see the fleet: neither which devices there are, nor what they lack. */
function withoutDevices({ devices }: TaskWaiting): TaskWaiting {
  const able = devices.some((one) => one.score !== null);
  return { why: able ? 'It waits for a device to have room.' : 'No device can run it now.', devices: [] };
}
