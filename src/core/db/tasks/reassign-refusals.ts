// What `afd tasks reassign` refuses, and with which words.
import type { LaneRequirements } from '../../domain/eligibility.ts';
import { AfdError } from '../../domain/errors.ts';
import { type TargetDevice, targetObstacles } from '../../domain/task/target-device.ts';
import type { OperatedTask } from './lock-task.ts';

/** @throws AfdError E_CONFLICT for a task that no device may be given */
export function refuseTask(task: OperatedTask, force: boolean): void {
  const { id, status, holder } = task;
  if (status === 'pending' || status === 'assigned') return;
  if (status === 'waiting') throw conflict(task, 'is parked (status waiting) and assigned to no device');
  if (status !== 'running') throw conflict(task, `is ${status}; retry it to run it again`, `afd tasks retry ${id}`);
  if (force) return;
  if (holder === undefined) throw conflict(task, 'is run by another program', `afd tasks reassign ${id} --force`);
  if (holder.revoke_outcome === 'cancelled') throw conflict(task, `is being cancelled on ${holder.device_id}`);
}

/** Work that is under way is not thrown away for a device that would not do it. @throws AfdError E_CONFLICT */
export function refuseTarget({ id, status }: OperatedTask, device: TargetDevice, lane: LaneRequirements): void {
  const reasons = targetObstacles(device, lane);
  if (reasons.length === 0) return;
  const { device_id } = device;
  throw new AfdError(
    'E_CONFLICT',
    `Device ${device_id} cannot run task ${id}: it ${reasons.join(', ')}. The task was not changed.`,
    {
      suggestions: ['afd devices ls', `afd tasks reassign ${id} --to ${device_id} --force`],
      data: { task_id: id, status, device_id, reasons },
    },
  );
}

export function conflict({ id, status }: OperatedTask, why: string, command = `afd tasks show ${id}`): AfdError {
  const data = { task_id: id, status };
  return new AfdError('E_CONFLICT', `Task ${id} ${why}.`, { suggestions: [command], data });
}
