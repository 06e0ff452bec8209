// Invariant: a version is written once. The first one is an INSERT, which a row that is there refuses; each later one is written
// over the version before it. Index: PRIMARY. Zero rows (false): another process wrote meanwhile, and nothing was changed.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { SealedSecret } from './read-secrets.ts';

/** @throws DatabaseError */
export async function writeSecret(
  session: Session,
  names: TableNames,
  { name, version, key_id, wrapped_key, sealed }: SealedSecret,
  by: string,
): Promise<boolean> {
  if (version === 1) {
    const { affectedRows } = await session.write(
      `INSERT IGNORE INTO ${names.secret} (name, version, key_id, wrapped_key, sealed, created_at, changed_at, changed_by)
       VALUES (?, 1, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), ?)`,
      [name, key_id, wrapped_key, sealed, by],
    );
    return affectedRows === 1;
  }
  const { affectedRows } = await session.write(
    `UPDATE ${names.secret} SET version = ?, key_id = ?, wrapped_key = ?, sealed = ?, changed_at = UTC_TIMESTAMP(3), changed_by = ?
     WHERE name = ? AND version = ?`,
    [version, key_id, wrapped_key, sealed, by, name, version - 1],
  );
  return affectedRows === 1;
}
