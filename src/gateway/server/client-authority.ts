// The authorities that sign the certificates of devices, from files: whom the gateway believes, and with what it signs itself.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Authority } from '../../core/certificates/issue-certificates.ts';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import { readPem, refused } from './pem-file.ts';

export interface ClientAuthority {
  /** Certificates of authorities. */
  ca: string;
  /** Revocation lists. */
  crl?: string;
  /** With what the gateway signs. */
  signs: Authority | undefined;
}

const NOT_ITS_OWNER = 0o077;

/** Undefined = none is configured. @throws AfdError E_CONFIG when it cannot be used */
export async function readClientAuthority({
  config: { server },
  baseDir,
}: Pick<ResolvedConfig, 'config' | 'baseDir'>): Promise<ClientAuthority | undefined> {
  const { client_ca, client_ca_key, client_crl, client_certificates, client_lifetime: lifetimeS } = server;
  if (client_ca === undefined) {
    const alone = client_ca_key !== undefined ? 'client_ca_key' : client_crl !== undefined ? 'client_crl' : undefined;
    if (alone !== undefined) throw refused(`server.${alone}`, `server.${alone} is set, and server.client_ca is not.`);
    if (client_certificates === 'optional') return undefined;
    const message =
      'server.client_certificates is required, and server.client_ca, which says who signs them, is not set.';
    throw refused('server.client_ca', message);
  }
  if (server.tls_cert === undefined || server.auth === 'none') {
    const missing = server.tls_cert === undefined ? 'server.tls_cert and server.tls_key' : 'server.auth: keys';
    throw refused(
      'server.client_ca',
      `server.client_ca needs ${missing}: otherwise a device may come without a certificate.`,
    );
  }
  const path = (file: string) => resolve(baseDir, file);
  const ca = await readPem('server.client_ca', path(client_ca));
  const crl = client_crl === undefined ? {} : { crl: await readPem('server.client_crl', path(client_crl)) };
  const key =
    client_ca_key === undefined ? undefined : await readPem('server.client_ca_key', path(client_ca_key), NOT_ITS_OWNER);
  let first: X509Certificate;
  try {
    first = new X509Certificate(ca);
    createSecureContext({ ca, ...crl });
  } catch (error) {
    const message = `The authorities in ${client_ca}, or their revocation lists, cannot be used: ${(error as Error).message}.`;
    throw refused('server.client_ca', message, error);
  }
  if (key !== undefined) checkKey(first, key, client_ca_key!);
  const signs = key === undefined ? undefined : { cert: first.toString(), key, lifetimeS };
  return { ca, ...crl, signs };
}

function checkKey(certificate: X509Certificate, key: string, file: string): void {
  const why = problemOf(certificate, key);
  if (why !== undefined)
    throw refused('server.client_ca_key', `${file} (server.client_ca_key) cannot be used: ${why}.`);
}

function problemOf(certificate: X509Certificate, key: string): string | undefined {
  try {
    const secret = createPrivateKey(key);
    if (!certificate.checkPrivateKey(secret)) return 'it is not the key of the first certificate in server.client_ca';
    if (secret.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return 'it is no EC P-256 key';
    return certificate.ca ? undefined : 'the first certificate in server.client_ca is not that of an authority';
  } catch (error) {
    return (error as Error).message;
  }
}
