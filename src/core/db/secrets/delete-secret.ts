// Invariant: a secret and its grants go together; a later one of the same name has no grant. Index: PRIMARY of both tables, its own
// row before its grants. Zero rows (false): there is no such secret.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';

/** @throws DatabaseError */
export async function deleteSecret(session: Session, names: TableNames, name: string): Promise<boolean> {
  return transaction(session, async () => {
    const { affectedRows } = await session.write(`DELETE FROM ${names.secret} WHERE name = ?`, [name]);
    await session.write(`DELETE FROM ${names.secretGrant} WHERE name = ?`, [name]);
    return affectedRows === 1;
  });
}
