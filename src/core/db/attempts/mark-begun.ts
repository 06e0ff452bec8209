import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { AttemptRef } from './orphaned-assignments.ts';

/**
 * Says that an attempt has begun, in the place of the thread that runs it: the leader must not take it for one that never
 * ran. Its deadline stays. By PRIMARY, fenced by the token; zero rows = it is over, or known to have begun.
 * @throws DatabaseError
 */
export async function markBegun(session: Session, names: TableNames, one: AttemptRef, ageMs: number): Promise<number> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.assignment} SET status = 'running', cause = NULL, updated_at = UTC_TIMESTAMP(3),
       started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND)
     WHERE id = ? AND claim_token = ? AND status = 'assigned'`,
    [Math.round(ageMs * 1000), one.id, one.claim_token],
  );
  return affectedRows;
}
