// Invariant: a session is a hash, and holds as long as its user has the generation in which it began, or its key is active; it ends some
// time after it was last seen, and at a fixed moment in any case. Index: id_hash, PRIMARY; idx_expires_at. Zero rows: no such session,
// or it has ended.
import type { UserRole } from '../../domain/access/role.ts';
import { DatabaseError } from '../database-error.ts';
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { FoundUser } from './users.ts';

export interface SessionRow {
  hash: Buffer;
  /** Null = of a key. */
  user: { id: string; name: string; role: UserRole } | null;
  key_id: string | null;
  created_at: string;
  expires_at: string;
  /** Seconds since it was last written that it was seen. */
  unseen_s: number;
}

export interface NewSessionRow {
  hash: Buffer;
  source: string | null;
  lifetime_s: number;
}

/** Ended sessions that are forgotten when one begins. */
const FORGOTTEN = 100;

/** False = the user was changed meanwhile. @throws DatabaseError */
export async function insertUserSession(
  session: Session,
  names: TableNames,
  { id, generation }: FoundUser,
  one: NewSessionRow,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `INSERT INTO ${names.session} (id_hash, user_id, generation, source, created_at, last_seen_at, expires_at)
     SELECT ?, id, generation, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ? SECOND
     FROM ${names.user} WHERE id = ? AND generation = ? AND disabled_at IS NULL`,
    [one.hash, one.source, one.lifetime_s, id, generation],
  );
  return affectedRows === 1;
}

/** @throws DatabaseError */
export async function noteLogin(session: Session, names: TableNames, { id }: FoundUser): Promise<void> {
  await session.write(`UPDATE ${names.user} SET last_login_at = UTC_TIMESTAMP(3) WHERE id = ?`, [id]);
}

/** @throws DatabaseError */
export async function insertKeySession(
  session: Session,
  names: TableNames,
  keyId: string,
  one: NewSessionRow,
): Promise<void> {
  await session.write(
    `INSERT INTO ${names.session} (id_hash, key_id, source, created_at, last_seen_at, expires_at)
     VALUES (?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ? SECOND)`,
    [one.hash, keyId, one.source, one.lifetime_s],
  );
}

/** Those of the hashes that go on. @throws DatabaseError */
export async function findSessions(
  session: Session,
  names: TableNames,
  hashes: readonly Buffer[],
  idleS: number,
): Promise<SessionRow[]> {
  const rows = await session.rows(
    `SELECT s.id_hash, s.key_id, s.created_at, s.expires_at, u.id AS user_id, u.name, u.role,
       TIMESTAMPDIFF(SECOND, s.last_seen_at, UTC_TIMESTAMP(3)) AS unseen_s
     FROM ${names.session} s
     LEFT JOIN ${names.user} u ON u.id = s.user_id AND u.generation = s.generation AND u.disabled_at IS NULL
     WHERE s.id_hash IN (?) AND s.expires_at > UTC_TIMESTAMP(3)
       AND s.last_seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND AND (s.key_id IS NOT NULL OR u.id IS NOT NULL)`,
    [hashes, idleS],
  );
  return rows.map((row) => ({
    hash: row.id_hash,
    user: row.name === null ? null : { id: String(row.user_id), name: row.name, role: row.role },
    key_id: row.key_id,
    created_at: utcToIso(row.created_at)!,
    expires_at: utcToIso(row.expires_at)!,
    unseen_s: Number(row.unseen_s),
  }));
}

/**
 * They were seen now, but those that were idle for too long stay ended. Another gateway that writes the same at this moment is enough.
 * @throws DatabaseError
 */
export async function seeSessions(
  session: Session,
  names: TableNames,
  hashes: readonly Buffer[],
  idleS: number,
): Promise<void> {
  try {
    await session.write(
      `UPDATE ${names.session} SET last_seen_at = UTC_TIMESTAMP(3)
       WHERE id_hash IN (?) AND last_seen_at > UTC_TIMESTAMP(3) - INTERVAL ? SECOND`,
      [hashes, idleS],
    );
  } catch (error) {
    if (!(error instanceof DatabaseError && error.rolledBack)) throw error;
  }
}

/** @throws DatabaseError */
export async function deleteSession(session: Session, names: TableNames, hash: Buffer): Promise<boolean> {
  return (await session.write(`DELETE FROM ${names.session} WHERE id_hash = ?`, [hash])).affectedRows === 1;
}

/** They have ended already. @throws DatabaseError */
export async function deleteEndedSessions(session: Session, names: TableNames): Promise<void> {
  await session.write(
    `DELETE FROM ${names.session} WHERE expires_at < UTC_TIMESTAMP(3) ORDER BY expires_at LIMIT ${FORGOTTEN}`,
  );
}
