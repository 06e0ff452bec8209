// What an operator does to a task through a gateway. What was seen of the task when that was decided is checked under its lock.
import type { Context } from '../context/context.ts';
import type { CancelledTask } from '../db/tasks/cancel-task.ts';
import type { ReassignedTask } from '../db/tasks/reassign-task.ts';
import type { RetriedTask } from '../db/tasks/retry-task.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { ExpectedTask } from '../domain/task/expected-task.ts';
import type { TaskStatus } from '../domain/task/task.ts';
import { cancelAudited, retryAudited } from '../tasks/audited-acts.ts';
import { reassignTask } from '../tasks/tasks.ts';

export type ActKind = 'cancel' | 'retry' | 'reassign';

export interface TaskAct {
  act: ActKind;
  force: boolean;
  /** The device, for reassign; absent = any device. */
  to?: string | undefined;
  by: Actor;
}

/** Of a task that was acted on. */
export type Acted = (CancelledTask | RetriedTask | ReassignedTask) & { status: TaskStatus };

/** Tasks to which an act applies, as long as nobody forces it. */
export const APPLIES_TO: Record<ActKind, TaskStatus[]> = {
  cancel: ['pending', 'assigned', 'waiting', 'running'],
  retry: ['failed', 'cancelled'],
  reassign: ['pending', 'assigned', 'running'],
};

/** `rung`: false = the caller rings for tasks that are retried. @throws AfdError E_NOT_FOUND, E_CONFLICT; DatabaseError */
export async function actOnTask(
  context: Context,
  taskId: number,
  { act, force, to, by }: TaskAct,
  expect: ExpectedTask | undefined,
  rung = true,
): Promise<Acted> {
  const { names } = context;
  if (act === 'reassign') return reassignTask(context, taskId, { to, force, by, expect, exact: true });
  if (act === 'cancel')
    return cancelAudited({ session: await context.session(), names }, taskId, { force, by, expect });
  const producer = await context.producer();
  const retried = await retryAudited({ session: await producer.session(), names }, taskId, { force, by, expect });
  if (rung) await producer.notifyAgain([taskId]);
  return retried;
}
