// Invariant: one statement sees a secret and its grants, so that a grant that was taken back before it began does not count.
// Index: PRIMARY of both tables. Non-locking. A name without a row does not exist.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Stands for every task type, or every device, in a grant. */
export const EVERY = '*';

export interface SealedSecret {
  name: string;
  version: number;
  key_id: string;
  wrapped_key: Buffer;
  sealed: Buffer;
}

/** Who asks. */
export interface SecretUse {
  task_type: string;
  device_id: string;
}

/** @throws DatabaseError */
export async function readSecrets(
  session: Session,
  names: TableNames,
  wanted: string[],
  { task_type, device_id }: SecretUse,
): Promise<Array<SealedSecret & { granted: boolean }>> {
  const rows = await session.rows<SealedSecret & { granted: number }>(
    `SELECT s.name, s.version, s.key_id, s.wrapped_key, s.sealed,
            EXISTS (SELECT 1 FROM ${names.secretGrant} g
                    WHERE g.name = s.name AND g.task_type IN (?, '${EVERY}') AND g.device_id IN (?, '${EVERY}')) AS granted
     FROM ${names.secret} s WHERE s.name IN (?)`,
    [task_type, device_id, wanted],
  );
  return rows.map((row) => ({ ...row, granted: row.granted === 1 }));
}
