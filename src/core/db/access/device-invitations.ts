// Invariant: a code gets certificates for one public key, the first that comes. Index: code_hash; idx_device_id. Zero rows: there is no
// such code, or it was used or has expired.
import { utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface InvitationRow {
  device_id: string;
  created_by: string;
  expires_at: string;
  expired: boolean;
  used_at: string | null;
  /** SHA-256 of the public key that got the certificate. */
  used_for: Buffer | null;
}

/** Days after its end for which a code can be told from one that never was. */
const KEPT_DAYS = 30;

/** Old ones of the device are forgotten. @throws DatabaseError */
export async function insertInvitation(
  session: Session,
  names: TableNames,
  one: { hash: Buffer; device_id: string; by: string; lifetime_s: number },
): Promise<void> {
  await session.write(
    `DELETE FROM ${names.deviceInvitation} WHERE device_id = ? AND expires_at < UTC_TIMESTAMP(3) - INTERVAL ? DAY LIMIT 100`,
    [one.device_id, KEPT_DAYS],
  );
  await session.write(
    `INSERT INTO ${names.deviceInvitation} (code_hash, device_id, created_at, created_by, expires_at)
     VALUES (?, ?, UTC_TIMESTAMP(3), ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)`,
    [one.hash, one.device_id, one.by.slice(0, 128), one.lifetime_s],
  );
}

/** @throws DatabaseError */
export async function findInvitation(
  session: Session,
  names: TableNames,
  hash: Buffer,
): Promise<InvitationRow | undefined> {
  const [row] = await session.rows(
    `SELECT device_id, created_by, expires_at, expires_at <= UTC_TIMESTAMP(3) AS expired, used_at, used_for
     FROM ${names.deviceInvitation} WHERE code_hash = ?`,
    [hash],
  );
  if (row === undefined) return undefined;
  const { device_id, created_by, used_for } = row;
  return {
    ...{ device_id, created_by, used_for, expires_at: utcToIso(row.expires_at)!, used_at: utcToIso(row.used_at) },
    expired: Number(row.expired) === 1,
  };
}

/** False = it was used, or has expired. @throws DatabaseError */
export async function spendInvitation(
  session: Session,
  names: TableNames,
  hash: Buffer,
  keyHash: Buffer,
): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.deviceInvitation} SET used_at = UTC_TIMESTAMP(3), used_for = ?
     WHERE code_hash = ? AND used_at IS NULL AND expires_at > UTC_TIMESTAMP(3)`,
    [keyHash, hash],
  );
  return affectedRows === 1;
}

/** No code of the device gets anything any more. @throws DatabaseError */
export async function endInvitations(session: Session, names: TableNames, deviceId: string): Promise<void> {
  await session.write(
    `UPDATE ${names.deviceInvitation} SET expires_at = UTC_TIMESTAMP(3)
     WHERE device_id = ? AND expires_at > UTC_TIMESTAMP(3)`,
    [deviceId],
  );
}
