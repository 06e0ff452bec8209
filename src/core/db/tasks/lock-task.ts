// Invariant: an operator's change sees task and open attempt as they are, and no other transaction changes them before
// its COMMIT. Index: PRIMARY of both tables, task first. Zero rows: there is no such task (E_NOT_FOUND). Unlike a claim
// this waits.
import { AfdError } from '../../domain/errors.ts';
import { type ExpectedTask, refuseChanged } from '../../domain/task/expected-task.ts';
import type { TaskStatus } from '../../domain/task/task.ts';
import { MATERIALIZED_FOR_WORKER, materializeLocked } from '../attempts/materialize-attempts.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** The attempt that holds a running task. */
export interface Holder {
  id: number;
  device_id: string;
  revoked_at: string | null;
  revoke_outcome: 'cancelled' | 'released' | null;
}

export interface OperatedTask {
  id: number;
  task_type: string;
  status: TaskStatus;
  attempt: number;
  required_capabilities: string | null;
  target_device_id: string | null;
  /** Undefined = not running, or another program runs it without an attempt of afd. */
  holder: Holder | undefined;
}

/** Needs an open transaction. @throws AfdError E_NOT_FOUND; E_CONFLICT when it is not as `expect` says; DatabaseError */
export async function lockTask(
  session: Session,
  names: TableNames,
  taskId: number,
  expect: ExpectedTask = {},
): Promise<OperatedTask> {
  const [found] = await session.rows<Omit<OperatedTask, 'holder'> & { claimed_by: string | null }>(
    `SELECT id, task_type, status, attempt, required_capabilities, target_device_id, claimed_by
     FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id = ? FOR UPDATE`,
    [taskId],
  );
  if (found === undefined) {
    throw new AfdError('E_NOT_FOUND', `There is no task ${taskId}.`, { suggestions: ['afd tasks ls'] });
  }
  const { claimed_by, ...task } = found;
  refuseChanged(task, expect);
  if (task.status !== 'running') return { ...task, holder: undefined };
  // An operator acts on an attempt, so it gets its row. MATERIALIZED_FOR_WORKER: only its worker knows whether it has begun.
  if (claimed_by !== null) task.attempt = await materializeOne(session, names, task.id);
  // A transaction that writes a task's attempt holds the task's lock, so this id cannot become another.
  const [current] = await session.rows<{ id: number }>(
    `SELECT id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id = ? AND attempt = ?`,
    [task.id, task.attempt],
  );
  if (current === undefined) return { ...task, holder: undefined };
  const [holder] = await session.rows<Holder>(
    `SELECT id, device_id, revoked_at, revoke_outcome FROM ${names.assignment} FORCE INDEX (PRIMARY)
     WHERE id = ? AND status IN ('assigned', 'running') FOR UPDATE`,
    [current.id],
  );
  return { ...task, holder };
}

/** The number of the attempt may have changed: ids of an emptied table repeat. */
async function materializeOne(session: Session, names: TableNames, taskId: number): Promise<number> {
  await materializeLocked(session, names, [taskId], { cause: MATERIALIZED_FOR_WORKER });
  const [row] = await session.rows<{ attempt: number }>(`SELECT attempt FROM ${names.task} WHERE id = ?`, [taskId]);
  return row!.attempt;
}

/** Under a lock another count than one is a bug; the transaction is rolled back. @throws AfdError E_INTERNAL */
export function assertOne(result: { affectedRows: number }, what: string): void {
  if (result.affectedRows === 1) return;
  throw new AfdError('E_INTERNAL', `Writing a locked ${what} touched ${result.affectedRows} rows instead of one.`);
}
