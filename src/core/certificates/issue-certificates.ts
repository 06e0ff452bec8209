// How a device gets a certificate: an administrator invites it, a gateway signs. The key of the device never leaves it.
import { createHash } from 'node:crypto';
import { randomText } from '../access/api-key.ts';
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { holdCertificate, insertCertificate } from '../db/access/device-certificates.ts';
import {
  findInvitation,
  type InvitationRow,
  insertInvitation,
  spendInvitation,
} from '../db/access/device-invitations.ts';
import { transaction } from '../db/transaction.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { certificateEntry, endOf } from './manage-certificates.ts';
import type { Issued, SigningKey } from './x509.ts';

const HOUR_S = 3600;
export const DEFAULT_INVITATION_S = HOUR_S;
export const LONGEST_INVITATION_S = 7 * 24 * HOUR_S;
const DEVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const CODE_LENGTH = 24;

export interface Invitation {
  device_id: string;
  /** Shown this once: the database has only its hash. */
  code: string;
  expires_at: string;
}

/** What a gateway signs with, and for how long. */
export interface Authority extends SigningKey {
  lifetimeS: number;
}

export interface IssuedCertificate {
  device_id: string;
  /** PEM. */
  certificate: string;
  fingerprint: string;
  expires_at: string;
  /** Seconds for which it is valid. */
  lifetime: number;
}

/** A code for one certificate of this device. @throws AfdError E_USAGE; DatabaseError */
export async function inviteDevice(
  context: Context,
  { device_id, lifetimeS }: { device_id: string; lifetimeS: number },
  by: Actor,
): Promise<Invitation> {
  if (!DEVICE_ID.test(device_id))
    throw new AfdError('E_USAGE', 'A device id has 1 to 64 letters, digits, ".", "_" or "-".');
  if (lifetimeS < 1 || lifetimeS > LONGEST_INVITATION_S)
    throw new AfdError('E_USAGE', `A code is valid for 1 second to ${LONGEST_INVITATION_S / HOUR_S / 24} days.`);
  const session = await context.session();
  const code = randomText(CODE_LENGTH);
  const hash = hashOf(code);
  const invite = async () => {
    const one = { hash, device_id, by: saidBy(by), lifetime_s: Math.round(lifetimeS) };
    await insertInvitation(session, context.names, one);
    return (await findInvitation(session, context.names, hash))!;
  };
  const { expires_at } = await audited({ session, names: context.names }, by, invite, (one) => ({
    ...{ action: 'certificates.invite', object_type: 'device', object_id: device_id },
    after: { device_id, expires_at: one.expires_at },
  }));
  return { device_id, code, expires_at };
}

/**
 * The first certificate of a device. A code is for one public key: the device that did not get the answer asks again with its key.
 * `now`: of the database, ISO 8601.
 * @throws AfdError E_USAGE; E_NOT_FOUND: no such code; E_ROLE: it is for another device; E_CONFLICT: used, or expired; DatabaseError
 */
export async function enrollDevice(
  context: Context,
  authority: Authority,
  given: { code: string; csr: string; device_id?: string | undefined },
  now: string,
  by: Actor,
): Promise<IssuedCertificate> {
  const session = await context.session();
  const hash = hashOf(given.code);
  const found = await findInvitation(session, context.names, hash);
  if (found === undefined)
    throw new AfdError('E_NOT_FOUND', 'There is no such code.', { suggestions: ['afd devices invite --help'] });
  const { device_id } = found;
  if (given.device_id !== undefined && given.device_id.toLowerCase() !== device_id.toLowerCase())
    throw new AfdError('E_ROLE', `The code is for the device ${device_id}, not for ${given.device_id}.`);
  const { read, sign } = await signer(authority, given.csr, now);
  const used = refusalOf(found, read.keyHash);
  if (used !== undefined) throw used;
  const { issued, lifetimeS, answer } = await sign(device_id);
  const enroll = async () => {
    if (!(await spendInvitation(session, context.names, hash, read.keyHash))) {
      const now = await findInvitation(session, context.names, hash);
      const refused = now === undefined ? spent(device_id) : refusalOf(now, read.keyHash);
      if (refused !== undefined) throw refused;
    }
    const row = { fingerprint: issued.fingerprint, device_id, by: found.created_by, lifetime_s: lifetimeS };
    await insertCertificate(session, context.names, row);
  };
  const after = { device_id, expires_at: answer.expires_at };
  await audited({ session, names: context.names }, by, enroll, () =>
    certificateEntry('certificates.issue', issued.fingerprint, { after }),
  );
  return answer;
}

/** The next certificate of a device that shows its own. @throws AfdError E_USAGE, E_CERTIFICATE, E_CONFLICT; DatabaseError */
export async function renewCertificate(
  context: Context,
  authority: Authority,
  { device_id, fingerprint, csr }: { device_id: string; fingerprint: string; csr: string },
  now: string,
): Promise<IssuedCertificate> {
  const { sign } = await signer(authority, csr, now);
  const { issued, lifetimeS, answer } = await sign(device_id);
  const session = await context.session();
  await transaction(session, async () => {
    const before = await holdCertificate(session, context.names, fingerprint);
    if (before === undefined)
      throw new AfdError('E_CONFLICT', 'The certificate was issued by another authority, which also renews it.');
    if (!before.active) throw new AfdError('E_CERTIFICATE', `${endOf(before)}.`);
    const row = { fingerprint: issued.fingerprint, device_id, by: fingerprint, lifetime_s: lifetimeS };
    await insertCertificate(session, context.names, row);
  });
  return answer;
}

async function signer(authority: Authority, csr: string, now: string) {
  const { issue, readRequest } = await import('./x509.ts');
  const read = await readRequest(csr);
  if (read === undefined)
    throw new AfdError('E_USAGE', 'csr is no certificate request (PEM) that its own EC P-256 key has signed.');
  const nowMs = Date.parse(now);
  const sign = async (device_id: string) => {
    const issued: Issued = await issue(read, authority, { deviceId: device_id, lifetimeS: authority.lifetimeS, nowMs });
    const lifetimeS = Math.max(0, Math.ceil((issued.endsMs - nowMs) / 1000));
    const { cert: certificate, fingerprint } = issued;
    const expires_at = new Date(issued.endsMs).toISOString();
    return { issued, lifetimeS, answer: { device_id, certificate, fingerprint, expires_at, lifetime: lifetimeS } };
  };
  return { read, sign };
}

function refusalOf({ device_id, expired, expires_at, used_for }: InvitationRow, keyHash: Buffer): AfdError | undefined {
  const suggestions = [`afd devices invite ${device_id}`];
  if (expired) return new AfdError('E_CONFLICT', `The code expired at ${expires_at}.`, { suggestions });
  return used_for === null || used_for.equals(keyHash) ? undefined : spent(device_id);
}

function spent(device_id: string): AfdError {
  return new AfdError('E_CONFLICT', 'The code was used already: it is for one device, once.', {
    suggestions: [`afd devices invite ${device_id}`],
  });
}

function hashOf(code: string): Buffer {
  return createHash('sha256').update(code).digest();
}
