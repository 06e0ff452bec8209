// Invariant: a task that no device runs is cancelled at once; a running one is revoked, and its holder ends it (a
// result that arrives first wins). Index: PRIMARY. Zero rows under the lock is a bug.
import { AfdError } from '../../domain/errors.ts';
import type { ExpectedTask } from '../../domain/task/expected-task.ts';
import type { TaskStatus } from '../../domain/task/task.ts';
import { noteTaskEnd } from '../changes/note-task-end.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { assertOne, lockTask, type OperatedTask } from './lock-task.ts';
import { endAttempt, noteOperator, type RevokedBy, revokeAttempt } from './revoke-attempt.ts';

export interface CancelledTask {
  task_id: number;
  /** `cancelled`, or `running` while the holder has yet to end it. */
  status: TaskStatus;
  /** The device that runs it was asked to end it. */
  revoking: boolean;
  /** Nothing changed: it was cancelled, or asked for, before. */
  already: boolean;
  /** The device that runs it, or ran it until now. */
  device_id: string | null;
}

export interface CancelOptions {
  force?: boolean;
  by?: RevokedBy;
  expect?: ExpectedTask | undefined;
  onLocked?: (task: OperatedTask) => void;
}

/** @throws AfdError E_NOT_FOUND, E_CONFLICT; DatabaseError */
export async function cancelTask(
  session: Session,
  names: TableNames,
  taskId: number,
  { force = false, by = null, expect, onLocked }: CancelOptions = {},
): Promise<CancelledTask> {
  return transaction(session, async () => {
    const task = await lockTask(session, names, taskId, expect);
    onLocked?.(task);
    const { holder } = task;
    const answer = { task_id: task.id, device_id: holder?.device_id ?? null, revoking: false, already: false };
    if (task.status === 'cancelled') return { ...answer, status: 'cancelled', already: true };
    if (task.status === 'running' && !force) {
      if (holder === undefined) throw foreign(task);
      const already = holder.revoke_outcome === 'cancelled' && holder.revoked_at !== null;
      if (!already) await revokeAttempt(session, names, holder.id, 'cancelled', by);
      return { ...answer, status: 'running', revoking: true, already };
    }
    if (!['pending', 'assigned', 'waiting', 'running'].includes(task.status)) throw over(task);
    const cancelled = await session.write(
      `UPDATE ${names.task}
       SET status = 'cancelled', claim_token = NULL, target_device_id = NULL, target_until = NULL,
           finished_at = UTC_TIMESTAMP(3), updated_at = NOW(3)
       WHERE id = ? AND status IN ('pending', 'assigned', 'waiting', 'running')`,
      [task.id],
    );
    assertOne(cancelled, 'task');
    if (holder !== undefined) await endAttempt(session, names, holder.id, 'cancelled', by);
    else {
      await noteOperator(session, names, task, 'cancelled', by);
      await noteTaskEnd(session, names, { taskId: task.id, status: 'cancelled', cause: 'operator' });
    }
    return { ...answer, status: 'cancelled' };
  });
}

function over({ id, status }: OperatedTask): AfdError {
  return new AfdError('E_CONFLICT', `Task ${id} is ${status}, so it cannot be cancelled.`, {
    ...{ suggestions: [`afd tasks show ${id}`], data: { task_id: id, status } },
  });
}

function foreign({ id, status }: OperatedTask): AfdError {
  const why = 'no attempt of afd holds it, so no device can be asked to abort it';
  return new AfdError('E_CONFLICT', `Task ${id} is running, but ${why}. Another program set its status to running.`, {
    ...{ suggestions: [`afd tasks cancel ${id} --force`], data: { task_id: id, status } },
  });
}
