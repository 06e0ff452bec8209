import { NO_INLINE_CLAIM } from '../claim/inline-claim.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { insertFromInline } from './insert-from-inline.ts';

/** `cause` of an open attempt that was materialized in its worker's place: it is not known whether its handler had begun. */
export const MATERIALIZED_FOR_WORKER = 'deferred';

/** Gives these deferred claims rows, under the locks of their tasks. `tokens`: of the claims; an operator does not know them. */
export async function materializeLocked(
  session: Session,
  names: TableNames,
  taskIds: number[],
  { cause, tokens }: { cause: string | null; tokens?: Buffer[] },
): Promise<number> {
  const rows = await insertFromInline(session, names, taskIds, { status: 'assigned', cause });
  const fence = tokens === undefined ? '' : 'AND claim_token IN (?)';
  const clear = `UPDATE ${names.task} SET ${NO_INLINE_CLAIM} WHERE id IN (?) AND claimed_by IS NOT NULL ${fence}`;
  await session.write(clear, tokens === undefined ? [taskIds] : [taskIds, tokens]);
  return rows;
}

export interface MaterializedAttempt {
  assignment_id: number;
  task_id: number;
}

/**
 * Materializes a worker's own deferred claims that go on for long. Locks the tasks by PRIMARY, in the order of their
 * ids; only those that run under one of the tokens. Returns the open rows of these attempts, also those that another
 * process has written; one that is missing is no longer ours. @throws DatabaseError
 */
export async function materializeOwnClaims(
  session: Session,
  names: TableNames,
  claims: Array<{ task_id: number; claim_token: Buffer }>,
): Promise<MaterializedAttempt[]> {
  const ids = claims.map((one) => one.task_id);
  const tokens = claims.map((one) => one.claim_token);
  return transaction(session, async () => {
    const mine = await session.rows<{ id: number; claimed_by: string | null }>(
      `SELECT id, claimed_by FROM ${names.task} FORCE INDEX (PRIMARY)
       WHERE id IN (?) AND status = 'running' AND claim_token IN (?) ORDER BY id FOR UPDATE`,
      [ids, tokens],
    );
    const deferred = mine.filter((one) => one.claimed_by !== null).map((one) => one.id);
    if (deferred.length > 0) await materializeLocked(session, names, deferred, { cause: null, tokens });
    if (mine.length === 0) return [];
    return session.rows<MaterializedAttempt>(
      `SELECT id AS assignment_id, task_id FROM ${names.assignment} FORCE INDEX (idx_task_id)
       WHERE task_id IN (?) AND claim_token IN (?) AND status IN ('assigned', 'running')`,
      [mine.map((one) => one.id), tokens],
    );
  });
}
