// Invariant: a value is replaced by itself under another key, only while it is the version and has the key that were read: a new
// value is never overwritten with an old one. One statement, so that no reader and no dead process ever leaves half of it.
// Index: PRIMARY. Zero rows (false): another process changed or removed it.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { SealedSecret } from './read-secrets.ts';

/** @throws DatabaseError */
export async function resealSecret(
  session: Session,
  names: TableNames,
  { name, version, key_id, wrapped_key, sealed }: SealedSecret,
  oldKeyId: string,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.secret} SET key_id = ?, wrapped_key = ?, sealed = ? WHERE name = ? AND version = ? AND key_id = ?`,
    [key_id, wrapped_key, sealed, name, version, oldKeyId],
  );
  return affectedRows === 1;
}
