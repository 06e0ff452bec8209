// What a rotation has left to do. Index: PRIMARY, in the order of the names. Non-locking: each is fenced when it is written.
// Zero rows: every secret behind `after` has the newest key.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { SealedSecret } from './read-secrets.ts';

/** At most `most`, of those whose names come after `after` ('' = all). @throws DatabaseError */
export async function dueSecrets(
  session: Session,
  names: TableNames,
  { newest, after, most }: { newest: string; after: string; most: number },
): Promise<SealedSecret[]> {
  return session.rows<SealedSecret>(
    `SELECT name, version, key_id, wrapped_key, sealed FROM ${names.secret}
     WHERE name > ? AND key_id <> ? ORDER BY name LIMIT ?`,
    [after, newest, most],
  );
}
