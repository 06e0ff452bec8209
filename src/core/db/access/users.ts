// Invariant: each change of what a user may do begins a generation, and sessions of an earlier one have ended: nothing has to find them.
// Index: name; PRIMARY. Zero rows: there is no such user, or, where a condition says more, it does not hold any more.
import type { UserRole } from '../../domain/access/role.ts';
import { isDuplicate } from '../database-error.ts';
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface UserRow {
  name: string;
  role: UserRole;
  created_at: string;
  created_by: string;
  /** Null = there is no password: the user signs in at an OpenID provider. */
  password_changed_at: string | null;
  last_login_at: string | null;
  /** Null = the user may sign in. */
  disabled_at: string | null;
  disabled_by: string | null;
}

/** For a log-in. */
export interface FoundUser {
  id: string;
  name: string;
  role: UserRole;
  generation: number;
  /** Null = there is none: the user signs in at an OpenID provider. */
  password_hash: string | null;
  disabled: boolean;
}

const COLUMNS =
  'name, role, created_at, created_by, password_changed_at, last_login_at, disabled_at, disabled_by' as const;

/** False = the name is taken. @throws DatabaseError */
export async function insertUser(
  session: Session,
  names: TableNames,
  user: { name: string; role: UserRole; passwordHash: string | null; by: string },
): Promise<boolean> {
  try {
    await session.write(
      `INSERT INTO ${names.user} (name, password_hash, role, created_at, created_by, password_changed_at)
       VALUES (?, ?, ?, UTC_TIMESTAMP(3), ?, IF(? IS NULL, NULL, UTC_TIMESTAMP(3)))`,
      [user.name, user.passwordHash, user.role, user.by.slice(0, 128), user.passwordHash],
    );
    return true;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

/** By name. @throws DatabaseError */
export async function listUsers(session: Session, names: TableNames, most: number): Promise<UserRow[]> {
  return (await session.rows(`SELECT ${COLUMNS} FROM ${names.user} ORDER BY name LIMIT ?`, [most])).map(userRow);
}

/** @throws DatabaseError */
export async function readUser(session: Session, names: TableNames, name: string): Promise<UserRow | undefined> {
  return (await session.rows(`SELECT ${COLUMNS} FROM ${names.user} WHERE name = ?`, [name])).map(userRow)[0];
}

/** @throws DatabaseError */
export async function findUser(session: Session, names: TableNames, name: string): Promise<FoundUser | undefined> {
  const [row] = await session.rows(
    `SELECT id, name, role, generation, password_hash, disabled_at IS NOT NULL AS disabled
     FROM ${names.user} WHERE name = ?`,
    [name],
  );
  if (row === undefined) return undefined;
  const { role, generation, password_hash } = row;
  return {
    ...{ id: String(row.id), name: row.name, role, generation, password_hash },
    disabled: Number(row.disabled) === 1,
  };
}

/** Those who may sign in. @throws DatabaseError */
export async function countUsers(session: Session, names: TableNames, role: UserRole): Promise<number> {
  const [row] = await session.rows(`SELECT COUNT(*) AS n FROM ${names.user} WHERE role = ? AND disabled_at IS NULL`, [
    role,
  ]);
  return Number(row?.n);
}

/**
 * Names of administrators who may sign in; `passwordless`: also those who have no password, at a provider. Inside a transaction that takes this right from one of them: another one that does waits.
 * Index: PRIMARY, in its order. @throws DatabaseError
 */
export async function lockAdmins(
  session: Session,
  names: TableNames,
  { passwordless }: { passwordless: boolean },
): Promise<string[]> {
  const rows = await session.rows<{ name: string; password: number }>(
    `SELECT name, password_hash IS NOT NULL AS password FROM ${names.user} FORCE INDEX (PRIMARY) WHERE role = 'admin' AND disabled_at IS NULL
     ORDER BY id FOR UPDATE`,
  );
  return rows.filter((row) => passwordless || row.password === 1).map((row) => row.name);
}

/** From now on the user signs in with it alone. With an id: only that user, in that generation. @throws DatabaseError */
export async function setPassword(
  session: Session,
  names: TableNames,
  user: { name: string } | Pick<FoundUser, 'id' | 'generation'>,
  hash: string,
): Promise<boolean> {
  const [which, values] =
    'id' in user ? ['id = ? AND generation = ?', [user.id, user.generation]] : ['name = ?', [user.name]];
  const { affectedRows } = await session.write(
    `UPDATE ${names.user} SET password_hash = ?, password_changed_at = UTC_TIMESTAMP(3), openid_hash = NULL,
       generation = generation + 1 WHERE ${which}`,
    [hash, ...values],
  );
  return affectedRows === 1;
}

/** The same password, hashed with newer parameters: sessions go on. @throws DatabaseError */
export async function rehash(
  session: Session,
  names: TableNames,
  { id, generation }: FoundUser,
  hash: string,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.user} SET password_hash = ? WHERE id = ? AND generation = ?`,
    [hash, id, generation],
  );
  return affectedRows === 1;
}

/** Of the person who signs in first. False = it was another one, or the user was changed meanwhile. @throws DatabaseError */
export async function bindOpenId(
  session: Session,
  names: TableNames,
  { id, generation }: FoundUser,
  hash: Buffer,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.user} SET openid_hash = ?
     WHERE id = ? AND generation = ? AND password_hash IS NULL AND (openid_hash IS NULL OR openid_hash = ?)`,
    [hash, id, generation, hash],
  );
  return affectedRows === 1;
}

/** False = there is no such user, or it has the role. @throws DatabaseError */
export async function setRole(session: Session, names: TableNames, name: string, role: UserRole): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.user} SET role = ?, generation = generation + 1 WHERE name = ? AND role <> ?`,
    [role, name, role],
  );
  return affectedRows === 1;
}

/** False = there is no such user, or it is disabled. @throws DatabaseError */
export async function disableUser(session: Session, names: TableNames, name: string, by: string): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.user} SET disabled_at = UTC_TIMESTAMP(3), disabled_by = ?, generation = generation + 1
     WHERE name = ? AND disabled_at IS NULL`,
    [by.slice(0, 128), name],
  );
  return affectedRows === 1;
}

/** False = there is no such user, or it is not disabled. @throws DatabaseError */
export async function enableUser(session: Session, names: TableNames, name: string): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.user} SET disabled_at = NULL, disabled_by = NULL WHERE name = ? AND disabled_at IS NOT NULL`,
    [name],
  );
  return affectedRows === 1;
}

/** @throws DatabaseError */
export async function deleteUser(session: Session, names: TableNames, name: string): Promise<boolean> {
  return (await session.write(`DELETE FROM ${names.user} WHERE name = ?`, [name])).affectedRows === 1;
}

function userRow(row: Row): UserRow {
  const { name, role, created_by, disabled_by } = row;
  return {
    ...{ name, role, created_by, disabled_by },
    created_at: utcToIso(row.created_at)!,
    password_changed_at: utcToIso(row.password_changed_at),
    last_login_at: utcToIso(row.last_login_at),
    disabled_at: utcToIso(row.disabled_at),
  };
}
