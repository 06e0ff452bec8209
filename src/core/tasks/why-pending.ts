import type { Context } from '../context/context.ts';
import { deviceViews } from '../db/devices/device-views.ts';
import { databaseNowMs } from '../db/rows.ts';
import { explainWaiting, type TaskWaiting } from '../domain/placement/waiting.ts';
import type { TaskRecord } from '../domain/task/task-record.ts';

/** Why a pending task waits, by the devices of now. Null = it does not wait for a device. @throws DatabaseError */
export async function taskWaiting(context: Context, task: TaskRecord): Promise<TaskWaiting | null> {
  const { status } = task;
  if (status !== 'pending' && status !== 'assigned') return null;
  const session = await context.session();
  const devices = await deviceViews(session, context.names, context.config.master.heartbeat_timeout);
  const due = task.next_run_at ?? task.created_at;
  const { required_capabilities: requires } = task;
  const asks = typeof requires === 'object' && !Array.isArray(requires) ? requires : null;
  const waiting = {
    task_type: task.task_type,
    required_capabilities: asks as Record<string, unknown> | null,
    estimated_duration: task.estimated_duration,
    target_device_id: status === 'assigned' ? task.target_device_id : null,
    due_in: due === null ? 0 : (Date.parse(due) - (await databaseNowMs(session))) / 1000,
  };
  return explainWaiting(waiting, devices, context.config.load_balancer);
}
