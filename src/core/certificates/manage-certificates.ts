import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import {
  type CertificateRow,
  findCertificate,
  listCertificates,
  revokeCertificate,
  revokeOfDevice,
} from '../db/access/device-certificates.ts';
import { endInvitations } from '../db/access/device-invitations.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';

export type { CertificateRow };

/** Certificates of one list. */
export const MOST_CERTIFICATES = 1000;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const LIST = ['afd devices certificates ls'];

/** The newest first. @throws DatabaseError */
export async function allCertificates(context: Context, deviceId?: string): Promise<CertificateRow[]> {
  return listCertificates(await context.session(), context.names, deviceId, MOST_CERTIFICATES);
}

/**
 * Ends one certificate, or all of a device, with the codes of the device.
 * @throws AfdError E_USAGE; E_NOT_FOUND: the device has none; DatabaseError
 */
export async function revoke(
  context: Context,
  { fingerprint, device_id }: { fingerprint: string | undefined; device_id: string | undefined },
  by: Actor,
): Promise<CertificateRow[]> {
  if (fingerprint !== undefined && device_id === undefined) return revokeOne(context, fingerprint, by);
  if (device_id !== undefined && fingerprint === undefined) return revokeAllOf(context, device_id, by);
  throw new AfdError('E_USAGE', 'Which certificate? Give a fingerprint, or --device ID for all of a device.', {
    suggestions: LIST,
  });
}

/**
 * Ends one certificate, of whichever authority, and the codes of its device. @returns what it was, and is now
 * @throws AfdError E_USAGE; DatabaseError
 */
async function revokeOne(context: Context, typed: string, by: Actor): Promise<CertificateRow[]> {
  const fingerprint = typed.replaceAll(':', '').toLowerCase();
  if (!FINGERPRINT.test(fingerprint))
    throw new AfdError('E_USAGE', 'A certificate is named by its SHA-256 fingerprint: 64 hexadecimal digits.', {
      suggestions: LIST,
    });
  const session = await context.session();
  const { names } = context;
  const before = await findCertificate(session, names, fingerprint);
  const end = async () => {
    if (before?.device_id != null) await endInvitations(session, names, before.device_id);
    await revokeCertificate(session, names, fingerprint, saidBy(by));
    return (await findCertificate(session, names, fingerprint))!;
  };
  const after = await audited({ session, names }, by, end, (one) =>
    before?.revoked_at == null
      ? certificateEntry('certificates.revoke', fingerprint, { before, after: one })
      : undefined,
  );
  return [after];
}

/** Ends all certificates and codes of a device. @throws AfdError E_NOT_FOUND: it has none; DatabaseError */
async function revokeAllOf(context: Context, deviceId: string, by: Actor): Promise<CertificateRow[]> {
  const session = await context.session();
  const { names } = context;
  const read = () => listCertificates(session, names, deviceId, MOST_CERTIFICATES);
  const end = async () => {
    const before = new Map((await read()).map((one) => [one.fingerprint, one]));
    await endInvitations(session, names, deviceId);
    await revokeOfDevice(session, names, deviceId, saidBy(by));
    return { before, rows: await read() };
  };
  const { rows } = await audited({ session, names }, by, end, (one) =>
    one.rows.flatMap((after) => {
      const before = one.before.get(after.fingerprint);
      return before?.revoked_at == null
        ? [certificateEntry('certificates.revoke', after.fingerprint, { before, after })]
        : [];
    }),
  );
  if (rows.length > 0) return rows;
  throw new AfdError('E_NOT_FOUND', `No gateway has issued a certificate to the device ${deviceId}.`, {
    suggestions: LIST,
  });
}

/** What the audit log says of one. */
export function certificateEntry(
  action: 'certificates.issue' | 'certificates.revoke',
  fingerprint: string,
  changed: Pick<AuditEntry, 'before' | 'after'>,
): AuditEntry {
  return { action, object_type: 'certificate', object_id: fingerprint, ...changed };
}

/** Why a certificate is refused, without the end of the sentence. */
export function endOf({ fingerprint, revoked_at, expires_at }: CertificateRow): string {
  const end = revoked_at === null ? `expired at ${expires_at}` : `was revoked at ${revoked_at}`;
  return `${certificateName(fingerprint)} ${end}`;
}

/** As sentences begin with it. */
export function certificateName(fingerprint: string): string {
  return `The certificate ${fingerprint.slice(0, 16)}…`;
}
