// Invariant: a key is a hash and never a text, and one that was revoked stays revoked. Index: key_id, PRIMARY. Zero rows: no such key.
import type { Role } from '../../domain/access/role.ts';
import { DatabaseError } from '../database-error.ts';
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface KeyRow {
  key_id: string;
  name: string;
  role: Role;
  /** The only device for which it is; null = any. */
  device_id: string | null;
  created_at: string;
  created_by: string;
  expires_at: string;
  last_used_at: string | null;
  /** Null = it was not revoked. */
  revoked_at: string | null;
  /** It was not revoked, and has not expired. */
  active: boolean;
}

export interface KnownKey extends KeyRow {
  /** Of the first of the keys that replaced each other. */
  first_key_id: string;
}

/** For a request that brings it. */
export interface FoundKey extends KnownKey {
  hash: Buffer;
  /** Seconds; null = never used. */
  unused_s: number | null;
  /** Seconds until it expires. */
  left_s: number;
}

export interface NewKeyRow {
  key_id: string;
  hash: Buffer;
  name: string;
  role: Role;
  device_id: string | null;
  /** Of the first of the keys that replaced each other; null = it replaces none. */
  first_key_id: string | null;
  /** From now. */
  lifetime_s: number;
  by: string;
}

const COLUMNS = `key_id, name, role, device_id, created_at, created_by, expires_at, last_used_at, revoked_at,
  revoked_at IS NULL AND expires_at > UTC_TIMESTAMP(3) AS active`;

const FIRST = 'COALESCE(first_key_id, key_id) AS first_key_id';

/** @throws DatabaseError */
export async function insertKey(session: Session, names: TableNames, key: NewKeyRow): Promise<void> {
  await session.write(
    `INSERT INTO ${names.apiKey} (key_id, key_hash, name, role, device_id, first_key_id, created_at, created_by, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3), ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)`,
    [key.key_id, key.hash, key.name, key.role, key.device_id, key.first_key_id, key.by.slice(0, 128), key.lifetime_s],
  );
}

/** Those that are active first, then by age. @throws DatabaseError */
export async function listKeys(session: Session, names: TableNames, most: number): Promise<KeyRow[]> {
  const rows = await session.rows(`SELECT ${COLUMNS} FROM ${names.apiKey} ORDER BY active DESC, id DESC LIMIT ?`, [
    most,
  ]);
  return rows.map(keyRow);
}

/** @throws DatabaseError */
export async function readKey(session: Session, names: TableNames, keyId: string): Promise<KeyRow | undefined> {
  return (await session.rows(`SELECT ${COLUMNS} FROM ${names.apiKey} WHERE key_id = ?`, [keyId])).map(keyRow)[0];
}

/** Keys with this role that are active. @throws DatabaseError */
export async function countActive(session: Session, names: TableNames, role: Role): Promise<number> {
  const [row] = await session.rows<{ n: number }>(
    `SELECT COUNT(*) AS n FROM ${names.apiKey} WHERE role = ? AND revoked_at IS NULL AND expires_at > UTC_TIMESTAMP(3)`,
    [role],
  );
  return Number(row?.n);
}

/** Those of the ids that there are, for requests that bring them. @throws DatabaseError */
export async function findKeys(session: Session, names: TableNames, keyIds: readonly string[]): Promise<FoundKey[]> {
  const rows = await session.rows(
    `SELECT ${COLUMNS}, key_hash, ${FIRST}, TIMESTAMPDIFF(SECOND, last_used_at, UTC_TIMESTAMP(3)) AS unused_s,
       TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), expires_at) AS left_s
     FROM ${names.apiKey} WHERE key_id IN (?)`,
    [keyIds],
  );
  return rows.map((row) => ({
    ...keyRow(row),
    ...{ hash: row.key_hash, first_key_id: row.first_key_id, unused_s: row.unused_s, left_s: Number(row.left_s) },
  }));
}

/** Of the first of the keys that it and those before it replaced. Undefined: there is no such key. @throws DatabaseError */
export async function firstKeyId(session: Session, names: TableNames, keyId: string): Promise<string | undefined> {
  const rows = await session.rows(`SELECT ${FIRST} FROM ${names.apiKey} WHERE key_id = ?`, [keyId]);
  return rows[0]?.first_key_id;
}

/** They have been used now. Another gateway that writes the same at this moment is enough. @throws DatabaseError */
export async function touchKeys(session: Session, names: TableNames, keyIds: readonly string[]): Promise<void> {
  try {
    await session.write(`UPDATE ${names.apiKey} SET last_used_at = UTC_TIMESTAMP(3) WHERE key_id IN (?)`, [keyIds]);
  } catch (error) {
    if (!(error instanceof DatabaseError && error.rolledBack)) throw error;
  }
}

/** From then on it is refused. False = it was not active. @throws DatabaseError */
export async function revokeKey(session: Session, names: TableNames, keyId: string, by: string): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.apiKey} SET revoked_at = UTC_TIMESTAMP(3), revoked_by = ? WHERE key_id = ? AND revoked_at IS NULL`,
    [by.slice(0, 128), keyId],
  );
  return affectedRows === 1;
}

/** It ends at the latest after `seconds`. False = it is not active. @throws DatabaseError */
export async function endKeyWithin(
  session: Session,
  names: TableNames,
  keyId: string,
  seconds: number,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.apiKey} SET expires_at = LEAST(expires_at, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)
     WHERE key_id = ? AND revoked_at IS NULL AND expires_at > UTC_TIMESTAMP(3)`,
    [seconds, keyId],
  );
  return affectedRows === 1;
}

function keyRow(row: Row): KeyRow {
  const { key_id, name, role, device_id, created_by } = row;
  return {
    ...{ key_id, name, role, device_id, created_by },
    created_at: utcToIso(row.created_at)!,
    expires_at: utcToIso(row.expires_at)!,
    last_used_at: utcToIso(row.last_used_at),
    revoked_at: utcToIso(row.revoked_at),
    active: Number(row.active) === 1,
  };
}
