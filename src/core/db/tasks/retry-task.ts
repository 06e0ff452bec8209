// Invariant: the budget starts anew, the number of the attempt goes on, so every try keeps its own row. The last error
// stays until the next attempt ends. So does a checkpoint, but that of a task that was done: it begins anew, and its
// checkpoint goes in the same transaction. Index: PRIMARY. Zero rows under the lock is a bug; of the checkpoint: none.
import { AfdError } from '../../domain/errors.ts';
import type { ExpectedTask } from '../../domain/task/expected-task.ts';
import type { TaskStatus } from '../../domain/task/task.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { assertOne, lockTask, type OperatedTask } from './lock-task.ts';
import { noteOperator, type RevokedBy } from './revoke-attempt.ts';

export interface RetriedTask {
  task_id: number;
  status: 'pending';
  /** Number of the last attempt; the next one is one more. */
  attempt: number;
}

export interface RetryOptions {
  force?: boolean;
  only?: TaskStatus;
  by?: RevokedBy;
  expect?: ExpectedTask | undefined;
  /** Called with the task as it is before. */
  onLocked?: (task: OperatedTask) => void;
}

/** Runs a task again, now; `force` also one that is done, `only` none but one in that status. @throws AfdError E_NOT_FOUND, E_CONFLICT; DatabaseError */
export async function retryTask(
  session: Session,
  names: TableNames,
  taskId: number,
  { force = false, only, by = null, expect, onLocked }: RetryOptions = {},
): Promise<RetriedTask> {
  return transaction(session, async () => {
    const task = await lockTask(session, names, taskId, expect);
    refuse(task, force, only);
    onLocked?.(task);
    // A pending task is one between two tries: its wait ends here.
    const again = await session.write(
      `UPDATE ${names.task}
       SET status = 'pending', retry = 0, lost_count = 0, next_run_at = NOW(3), finished_at = NULL,
           claim_token = NULL, target_device_id = NULL, target_until = NULL, updated_at = NOW(3)
       WHERE id = ? AND status IN ('failed', 'cancelled', 'done', 'pending')`,
      [task.id],
    );
    assertOne(again, 'task');
    await noteOperator(session, names, task, 'retried', by);
    if (task.status === 'done') await session.write(`DELETE FROM ${names.checkpoint} WHERE task_id = ?`, [task.id]);
    return { task_id: task.id, status: 'pending', attempt: task.attempt };
  });
}

function refuse({ id, status, attempt, holder }: OperatedTask, force: boolean, only: TaskStatus | undefined): void {
  const conflict = (why: string, ...suggestions: string[]) =>
    new AfdError('E_CONFLICT', `Task ${id} ${why}.`, { suggestions, data: { task_id: id, status } });
  if (only !== undefined && status !== only) throw conflict(`is ${status}, no longer ${only}`, `afd tasks show ${id}`);
  if (status === 'failed' || status === 'cancelled' || (status === 'done' && force)) return;
  if (status === 'pending' && attempt > 0) return;
  if (status === 'done') throw conflict('is done; --force runs it again', `afd tasks retry ${id} --force`);
  if (status === 'running') {
    const where = holder === undefined ? '' : ` on ${holder.device_id}`;
    throw conflict(`is running${where}`, `afd tasks reassign ${id}`, `afd tasks cancel ${id}`);
  }
  if (status === 'pending') throw conflict('has had no attempt yet', `afd tasks show ${id}`);
  throw conflict(`is ${status} and will run without a retry`, `afd tasks show ${id}`);
}
