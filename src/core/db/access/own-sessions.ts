// The sessions of one user, without a lock: by idx_user_id, and the user by PRIMARY. Those of an earlier generation have ended. Zero rows: none
// goes on.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface OwnSessionRow {
  hash: Buffer;
  source: string | null;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
}

/** Sessions of one user that go on, the newest first. @throws DatabaseError */
export async function sessionsOfUser(
  session: Session,
  names: TableNames,
  userId: string,
  { idleS, most }: { idleS: number; most: number },
): Promise<OwnSessionRow[]> {
  const rows = await session.rows(
    `SELECT s.id_hash, s.source, s.created_at, s.last_seen_at, s.expires_at
     FROM ${names.session} s FORCE INDEX (idx_user_id)
     JOIN ${names.user} u FORCE INDEX (PRIMARY) ON u.id = s.user_id AND u.generation = s.generation
     WHERE s.user_id = ? AND s.expires_at > UTC_TIMESTAMP(3) AND s.last_seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND
     ORDER BY s.created_at DESC LIMIT ?`,
    [userId, idleS, most],
  );
  return rows.map(({ id_hash: hash, source, created_at, last_seen_at, expires_at }) => ({
    ...{ hash, source },
    created_at: utcToIso(created_at)!,
    last_seen_at: utcToIso(last_seen_at)!,
    expires_at: utcToIso(expires_at)!,
  }));
}
