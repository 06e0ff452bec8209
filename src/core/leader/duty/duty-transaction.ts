import { assertLeader, type Lease } from '../../db/leader/assert-leader.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { transaction } from '../../db/transaction.ts';

/**
 * One transaction of a duty, fenced: the check of the lease is the last statement before COMMIT. Short by contract
 * (under 500 ms): its share lock on the leader row holds off the leader's own renewal.
 * @throws NotLeader when the term is over: rolled back, nothing written
 * @throws DatabaseError, or whatever `work` throws
 */
export async function dutyTransaction<T>(
  session: Session,
  names: TableNames,
  lease: Lease,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return transaction(session, async () => {
    const result = await work(session);
    await assertLeader(session, names, lease);
    return result;
  });
}
