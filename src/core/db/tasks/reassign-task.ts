// Invariant: a task moves in one transaction. Not begun: at once. Running: the holder is asked to release it (the
// attempt ends as `released`, no retry is used), and the target is set now, for when it is released. Index: PRIMARY of
// both tables. Zero rows under the lock is a bug.
import type { ExpectedTask } from '../../domain/task/expected-task.ts';
import { targetWarnings } from '../../domain/task/target-device.ts';
import type { TaskStatus } from '../../domain/task/task.ts';
import type { Piggybacked } from '../piggyback.ts';
import { fromJsonObject } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { findTarget } from './find-target.ts';
import { assertOne, lockTask, type OperatedTask } from './lock-task.ts';
import { conflict, refuseTarget, refuseTask } from './reassign-refusals.ts';
import { endAttempt, noteOperator, type RevokedBy, revokeAttempt } from './revoke-attempt.ts';

export interface ReassignedTask {
  task_id: number;
  /** `assigned` (directed at the target), `pending` (open to all), or `running` while the holder has yet to release it. */
  status: TaskStatus;
  target_device_id: string | null;
  /** The device that runs it was asked to release it. */
  revoking: boolean;
  /** The device that runs it, or ran it until now. */
  device_id: string | null;
  /** Why it would not start on the target now. */
  warnings: string[];
}

export interface ReassignOptions {
  to?: string | undefined;
  force?: boolean;
  by?: RevokedBy;
  expect?: ExpectedTask | undefined;
  piggybacked?: Piggybacked;
  /** Called with the task as it is before. */
  onLocked?: (task: OperatedTask) => void;
}

/** @throws AfdError E_NOT_FOUND (task or device), E_CONFLICT; DatabaseError */
export async function reassignTask(
  session: Session,
  names: TableNames,
  taskId: number,
  { to, force = false, by = null, expect, piggybacked: carried, onLocked }: ReassignOptions = {},
): Promise<ReassignedTask> {
  const move = async (): Promise<ReassignedTask> => {
    const task = await lockTask(session, names, taskId, expect);
    onLocked?.(task);
    const { holder } = task;
    refuseTask(task, force);
    const device = to === undefined ? undefined : await findTarget(session, names, to);
    if (holder !== undefined && holder.device_id === device?.device_id && !force) {
      throw conflict(task, `already runs on ${holder.device_id}; --force starts it again on that device`);
    }
    const lane = { ...task, required_capabilities: fromJsonObject(task.required_capabilities) };
    if (device !== undefined && !force) refuseTarget(task, device, lane);
    const revoking = holder !== undefined && !force;
    const status = revoking ? 'running' : device === undefined ? 'pending' : 'assigned';
    const moved = await session.write(
      `UPDATE ${names.task}
       SET status = ?, target_device_id = ?, target_until = NULL, updated_at = NOW(3)${revoking ? '' : ', claim_token = NULL'}
       WHERE id = ? AND status IN ('pending', 'assigned', 'running')`,
      [status, device?.device_id ?? null, task.id],
    );
    assertOne(moved, 'task');
    if (holder === undefined) await noteOperator(session, names, task, 'moved', by);
    else await (force ? endAttempt : revokeAttempt)(session, names, holder.id, 'released', by);
    return {
      task_id: task.id,
      status,
      target_device_id: device?.device_id ?? null,
      revoking,
      device_id: holder?.device_id ?? null,
      warnings: device === undefined ? [] : targetWarnings(device, lane),
    };
  };
  return transaction(session, move, undefined, carried);
}
