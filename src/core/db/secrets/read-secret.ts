// Index: PRIMARY. Non-locking: who writes afterwards compares the version. Zero rows (undefined): there is no such secret.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { SealedSecret } from './read-secrets.ts';

/** Without grants: for the operator. @throws DatabaseError */
export async function readSecret(session: Session, names: TableNames, name: string): Promise<SealedSecret | undefined> {
  const [row] = await session.rows<SealedSecret>(
    `SELECT name, version, key_id, wrapped_key, sealed FROM ${names.secret} WHERE name = ?`,
    [name],
  );
  return row;
}
