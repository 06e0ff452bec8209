// The conditions of `afd tasks ls` and `afd tasks export`, on the task table `t` and the row `a` of its current attempt.
import type { TaskStatus } from '../../domain/task/task.ts';
import { stateIs } from '../claim-state.ts';

export interface TaskConditions {
  status?: string | undefined;
  task_type?: string | undefined;
  app_id?: string | undefined;
  /** Runs there, ran there last, or is directed there. */
  device_id?: string | undefined;
}

/** The device that holds the task now; of one that has ended, the one that ran it last. */
export const DEVICE_OF_TASK = `COALESCE(IF(a.status IN ('assigned', 'running') OR t.status IN ('done', 'failed', 'cancelled'), a.device_id, NULL),
       t.claimed_by) AS device_id`;

export function taskConditions(filter: TaskConditions): { where: string[]; values: unknown[] } {
  const { status, task_type, app_id, device_id } = filter;
  const where: string[] = [];
  const values: unknown[] = [];
  const add = (condition: string, ...given: unknown[]) => {
    where.push(condition);
    values.push(...given);
  };
  // By claim_state too: afd_claim begins with it.
  if (status !== undefined) add(`t.status = ? AND ${stateIs(status as TaskStatus, 't')}`, status);
  if (task_type !== undefined) add('t.task_type = ?', task_type);
  if (app_id !== undefined) add('t.app_id = ?', app_id);
  if (device_id !== undefined)
    add('(a.device_id = ? OR t.target_device_id = ? OR t.claimed_by = ?)', device_id, device_id, device_id);
  return { where, values };
}
