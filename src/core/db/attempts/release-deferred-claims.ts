import { NO_INLINE_CLAIM } from '../claim/inline-claim.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { DeferredClaimRef } from './deferred-claims.ts';
import { lockDeferredClaims } from './end-deferred-claims.ts';
import { insertFromInline } from './insert-from-inline.ts';

/**
 * Releases deferred claims of one device that have not begun and will not: each attempt gets a row as released, its
 * task is pending again with the same due time. Inside a transaction; locks the tasks by PRIMARY in the order of their
 * ids, SKIP LOCKED, and reads the claim tokens again. Returns how many; one that is missing is over, or locked by
 * another process.
 */
export async function releaseDeferredClaims(
  session: Session,
  names: TableNames,
  refs: DeferredClaimRef[],
  cause: string,
): Promise<number> {
  const locked = await lockDeferredClaims(session, names, refs);
  if (locked.length === 0) return 0;
  const ids = locked.map((one) => one.id);
  await insertFromInline(session, names, ids, { status: 'released', cause });
  await session.write(
    `UPDATE ${names.task} SET status = IF(target_device_id IS NULL, 'pending', 'assigned'), claim_token = NULL,
       ${NO_INLINE_CLAIM}, updated_at = NOW(3) WHERE id IN (?) AND claim_token IN (?)`,
    [ids, refs.map((one) => one.claim_token)],
  );
  return ids.length;
}
