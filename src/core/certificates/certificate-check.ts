// Whether the certificate of a device still counts. TLS has checked who signed it.
import type { X509Certificate } from 'node:crypto';
import { RecentAnswers } from '../access/recent-answers.ts';
import type { Context } from '../context/context.ts';
import { type CertificateRow, findCertificate } from '../db/access/device-certificates.ts';
import { wallMilliseconds } from '../runtime/clock.ts';
import { deviceOf, fingerprintOf } from './certificate-device.ts';
import { certificateName, endOf } from './manage-certificates.ts';

/** What was read of a certificate when its connection was opened. */
export interface ShownCertificate {
  /** Undefined = it names none, or several. */
  deviceId: string | undefined;
  /** SHA-256, in lower case. */
  fingerprint: string;
  /** Since 1970. */
  endsMs: number;
  /** The authority of this gateway signed it, so the database knows it. */
  own: boolean;
}

export type CheckedCertificate = { device: { id: string; fingerprint: string } } | { refusal: string };

/** `own`: the authority with which this gateway signs, if it has one. */
export function shown(certificate: X509Certificate, own: X509Certificate | undefined): ShownCertificate {
  return {
    deviceId: deviceOf(certificate),
    fingerprint: fingerprintOf(certificate),
    endsMs: Date.parse(certificate.validTo),
    own: own !== undefined && certificate.checkIssued(own) && certificate.verify(own.publicKey),
  };
}

export class CertificateCheck {
  readonly #found: RecentAnswers<CertificateRow | undefined>;

  /** `use` runs work with a session of the gateway. `now`: milliseconds, monotonic. */
  constructor(use: <T>(work: (context: Context) => Promise<T>) => Promise<T>, now?: () => number) {
    this.#found = new RecentAnswers(
      (fingerprint) => use(async (context) => findCertificate(await context.session(), context.names, fingerprint)),
      now,
    );
  }

  /** A refusal is a sentence without its end. @throws what `use` throws */
  async check({ deviceId, fingerprint, endsMs, own }: ShownCertificate): Promise<CheckedCertificate> {
    const name = certificateName(fingerprint);
    if (deviceId === undefined) return { refusal: `${name} does not name one device` };
    // A connection may outlive its certificate.
    if (endsMs <= wallMilliseconds()) return { refusal: `${name} expired at ${new Date(endsMs).toISOString()}` };
    const found = await this.#found.of(fingerprint);
    if (found === undefined)
      return own ? { refusal: `${name} is not in the database` } : { device: { id: deviceId, fingerprint } };
    return found.active ? { device: { id: deviceId, fingerprint } } : { refusal: endOf(found) };
  }
}
