// Invariant: a certificate that was revoked stays revoked. Indexes: fingerprint; idx_device_id. Zero rows: no gateway issued it, and
// nobody revoked it.
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface CertificateRow {
  /** SHA-256, in lower case. */
  fingerprint: string;
  /** Null = of another authority; so are the next three. */
  device_id: string | null;
  issued_at: string | null;
  issued_by: string | null;
  expires_at: string | null;
  revoked_at: string | null;
  revoked_by: string | null;
  /** It was not revoked, and has not expired. */
  active: boolean;
}

export interface NewCertificateRow {
  fingerprint: string;
  device_id: string;
  by: string;
  /** From now. */
  lifetime_s: number;
}

const COLUMNS = `fingerprint, device_id, issued_at, issued_by, expires_at, revoked_at, revoked_by,
  revoked_at IS NULL AND expires_at > UTC_TIMESTAMP(3) AS active`;
/** Days after its end for which a certificate stays in the list. */
const KEPT_DAYS = 30;

/** Old ones of the device are forgotten. @throws DatabaseError */
export async function insertCertificate(session: Session, names: TableNames, one: NewCertificateRow): Promise<void> {
  await session.write(
    `INSERT INTO ${names.deviceCertificate} (fingerprint, device_id, issued_at, issued_by, expires_at)
     VALUES (?, ?, UTC_TIMESTAMP(3), ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)`,
    [one.fingerprint, one.device_id, one.by.slice(0, 128), one.lifetime_s],
  );
  await session.write(
    `DELETE FROM ${names.deviceCertificate} WHERE device_id = ? AND expires_at < UTC_TIMESTAMP(3) - INTERVAL ? DAY LIMIT 100`,
    [one.device_id, KEPT_DAYS],
  );
}

/** Of one device, or of all; the newest first. @throws DatabaseError */
export async function listCertificates(
  session: Session,
  names: TableNames,
  deviceId: string | undefined,
  most: number,
): Promise<CertificateRow[]> {
  const [where, values] = deviceId === undefined ? ['', []] : ['WHERE device_id = ?', [deviceId]];
  const rows = await session.rows(
    `SELECT ${COLUMNS} FROM ${names.deviceCertificate} ${where} ORDER BY id DESC LIMIT ?`,
    [...values, most],
  );
  return rows.map(certificateRow);
}

/** @throws DatabaseError */
export async function findCertificate(
  session: Session,
  names: TableNames,
  fingerprint: string,
): Promise<CertificateRow | undefined> {
  const rows = await session.rows(`SELECT ${COLUMNS} FROM ${names.deviceCertificate} WHERE fingerprint = ?`, [
    fingerprint,
  ]);
  return rows.map(certificateRow)[0];
}

/** Until the transaction ends nobody revokes it. @throws DatabaseError */
export async function holdCertificate(
  session: Session,
  names: TableNames,
  fingerprint: string,
): Promise<CertificateRow | undefined> {
  const rows = await session.rows(
    `SELECT ${COLUMNS} FROM ${names.deviceCertificate} FORCE INDEX (fingerprint) WHERE fingerprint = ? FOR UPDATE`,
    [fingerprint],
  );
  return rows.map(certificateRow)[0];
}

/** One that no gateway issued is entered as revoked. @throws DatabaseError */
export async function revokeCertificate(
  session: Session,
  names: TableNames,
  fingerprint: string,
  by: string,
): Promise<void> {
  await session.write(
    `INSERT INTO ${names.deviceCertificate} (fingerprint, revoked_at, revoked_by) VALUES (?, UTC_TIMESTAMP(3), ?)
     ON DUPLICATE KEY UPDATE revoked_by = IF(revoked_at IS NULL, ?, revoked_by),
       revoked_at = COALESCE(revoked_at, UTC_TIMESTAMP(3))`,
    [fingerprint, by.slice(0, 128), by.slice(0, 128)],
  );
}

/** @throws DatabaseError */
export async function revokeOfDevice(session: Session, names: TableNames, deviceId: string, by: string): Promise<void> {
  await session.write(
    `UPDATE ${names.deviceCertificate} SET revoked_at = UTC_TIMESTAMP(3), revoked_by = ?
     WHERE device_id = ? AND revoked_at IS NULL`,
    [by.slice(0, 128), deviceId],
  );
}

function certificateRow(row: Row): CertificateRow {
  const { fingerprint, device_id, issued_by, revoked_by } = row;
  return {
    ...{ fingerprint, device_id, issued_by, revoked_by },
    issued_at: utcToIso(row.issued_at),
    expires_at: utcToIso(row.expires_at),
    revoked_at: utcToIso(row.revoked_at),
    active: Number(row.active) === 1,
  };
}
