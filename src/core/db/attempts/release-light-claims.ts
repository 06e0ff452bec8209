import { NO_CLAIM_FACTS } from '../claim/claim-facts.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { lockLightClaims } from './end-light-claims.ts';
import type { LightClaimRef } from './light-claims.ts';
import { insertFromFacts } from './record-claims.ts';

/**
 * Gives back light claims of one device that have not begun and will not: each attempt is recorded as released, its task
 * is open again and as due as it was. Inside a transaction; locks the tasks by PRIMARY in the order of their ids, SKIP
 * LOCKED, and looks at the claim tokens again. Returns how many; one that is missing is over, or locked by somebody.
 */
export async function releaseLightClaims(
  session: Session,
  names: TableNames,
  refs: LightClaimRef[],
  cause: string,
): Promise<number> {
  const locked = await lockLightClaims(session, names, refs);
  if (locked.length === 0) return 0;
  const ids = locked.map((one) => one.id);
  await insertFromFacts(session, names, ids, { status: 'released', cause });
  await session.write(
    `UPDATE ${names.task} SET status = IF(target_device_id IS NULL, 'pending', 'assigned'), claim_token = NULL,
       ${NO_CLAIM_FACTS}, updated_at = NOW(3) WHERE id IN (?)`,
    [ids],
  );
  return ids.length;
}
