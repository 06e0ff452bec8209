import { relative } from 'node:path';
import type { EnrolledDevice, EnrollOptions } from '../../../core/certificates/enroll.ts';
import type { Invitation } from '../../../core/certificates/issue-certificates.ts';
import type { MadeAuthority } from '../../../core/certificates/make-authority.ts';
import type { CertificateRow } from '../../../core/certificates/manage-certificates.ts';
import type { ResolvedConfig } from '../../../core/config/load-config.ts';
import { renderTable } from '../table.ts';

export function renderCertificates(certificates: CertificateRow[], width: number): string {
  if (certificates.length === 0)
    return 'No gateway has issued a certificate. Invite a device with "afd devices invite DEVICE_ID".';
  return renderTable(
    [
      { header: 'FINGERPRINT', id: true, value: (one: CertificateRow) => one.fingerprint },
      { header: 'DEVICE', value: (one) => one.device_id ?? '' },
      { header: 'STATUS', value: statusOf },
      { header: 'ISSUED', optional: true, value: (one) => one.issued_at ?? '' },
      { header: 'EXPIRES', optional: true, value: (one) => one.expires_at ?? '' },
      { header: 'BY', flexible: true, value: (one) => one.revoked_by ?? one.issued_by ?? '' },
    ],
    certificates,
    width,
  );
}

export function renderRevokedCertificates(certificates: CertificateRow[]): string {
  if (certificates.length === 0) return 'The device has no certificate. Its codes get nothing any more.';
  const revoked = certificates.filter((one) => one.revoked_at !== null);
  const named = revoked.map(({ fingerprint, device_id, revoked_at }) => {
    const whose = device_id === null ? '' : ` of the device ${device_id}`;
    return `The certificate ${fingerprint}${whose} was revoked at ${revoked_at}.`;
  });
  return [...named, 'Every gateway refuses it within 5 seconds.'].join('\n');
}

export function renderAuthority({ client_ca, client_ca_key }: MadeAuthority): string {
  return [
    'Gateways that sign certificates need these lines:',
    '',
    ...['server:', '  auth: keys', `  client_ca: ${client_ca}`, `  client_ca_key: ${client_ca_key}`],
    '',
    `Keep ${client_ca_key} secret: who has it can be any device.`,
  ].join('\n');
}

export function renderInvited({ device_id, expires_at }: Invitation): string {
  return `this is a code for the device ${device_id}, valid until ${expires_at}, once. It is not shown again. On the device: afd devices enroll --gateway URL --code CODE`;
}

/** `by`: of which gateway, and with which authority of it. */
export function renderEnrolled(
  enrolled: EnrolledDevice,
  by: Pick<EnrollOptions, 'urls' | 'ca'>,
  { baseDir }: Pick<ResolvedConfig, 'baseDir'>,
): string {
  const { device_id, tls_cert, tls_key, expires_at } = enrolled;
  const shown = (path: string) => {
    const short = relative(baseDir, path);
    return short.startsWith('..') ? path : short;
  };
  const gateway = by.urls.length === 1 ? by.urls[0] : `[${by.urls.join(', ')}]`;
  return [
    `The device ${device_id} has a certificate until ${expires_at}. Its worker renews it. It needs these lines:`,
    '',
    ...['worker:', `  device_id: ${device_id}`, `  gateway: ${gateway}`],
    ...[`  tls_cert: ${shown(tls_cert)}`, `  tls_key: ${shown(tls_key)}`],
    ...(by.ca === undefined ? [] : [`  tls_ca: ${shown(by.ca)}`]),
  ].join('\n');
}

function statusOf({ active, revoked_at }: CertificateRow): string {
  return active ? 'active' : revoked_at === null ? 'expired' : 'revoked';
}
