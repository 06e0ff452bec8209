// Invariant: a payload is read only by the attempt that holds its task. Index: PRIMARY. Non-locking. Zero rows
// (undefined): the task is no longer held under this token.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** task_data of a claimed task, JSON text; what was too long to come with the claim (INLINE_BYTES). @throws DatabaseError */
export async function claimedPayload(
  session: Session,
  names: TableNames,
  claim: { task_id: number; claim_token: Buffer },
): Promise<string | null | undefined> {
  const [row] = await session.rows<{ task_data: string | null }>(
    `SELECT task_data FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id = ? AND claim_token = ?`,
    [claim.task_id, claim.claim_token],
  );
  return row?.task_data;
}
