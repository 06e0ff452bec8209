import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * Gives up the lease, so that the next step of any contender takes it. Scoped by term: a lease that was lost and won
 * again, or belongs to another node now, stays. One row by PRIMARY. Zero rows (false) = it was not held under that
 * term.
 */
export async function resignLeader(
  session: Session,
  names: TableNames,
  lease: { device_id: string; term: number },
): Promise<boolean> {
  const result = await session.write(
    `UPDATE ${names.leader} SET holder = NULL, holder_token = NULL, expires_at = NULL
     WHERE name = 'leader' AND holder = ? AND term = ?`,
    [lease.device_id, lease.term],
  );
  return result.affectedRows === 1;
}
