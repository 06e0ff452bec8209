// The certificate of a gateway, from files that somebody else renews.
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import { type ClientAuthority, readClientAuthority } from './client-authority.ts';
import { readPem, refused } from './pem-file.ts';

export interface Certificate {
  /** With those between it and its authority. */
  cert: string;
  key: string;
  /** Who signs the certificates of devices; undefined = they show none. */
  clients?: ClientAuthority | undefined;
}

export const OLDEST_TLS = 'TLSv1.2';
/** Anybody may not read a key; a group may (that of /etc/ssl/private). */
const ANYBODY = 0o007;

/** Undefined = none is configured. @throws AfdError E_CONFIG when it cannot be used */
export async function readCertificate({
  config,
  baseDir,
}: Pick<ResolvedConfig, 'config' | 'baseDir'>): Promise<Certificate | undefined> {
  const { tls_cert, tls_key } = config.server;
  const clients = await readClientAuthority({ config, baseDir });
  if (tls_cert === undefined && tls_key === undefined) return undefined;
  if (tls_cert === undefined || tls_key === undefined) {
    const [there, missing] = tls_cert === undefined ? ['tls_key', 'tls_cert'] : ['tls_cert', 'tls_key'];
    throw refused(`server.${missing}`, `server.${there} is set, and server.${missing} is not: TLS needs both.`);
  }
  const cert = await readPem('server.tls_cert', resolve(baseDir, tls_cert));
  const key = await readPem('server.tls_key', resolve(baseDir, tls_key), ANYBODY);
  try {
    createSecureContext({ cert, key, minVersion: OLDEST_TLS });
    daysLeft(cert, 0);
  } catch (error) {
    const message = `The certificate ${tls_cert} cannot be used with the key ${tls_key}: ${(error as Error).message}.`;
    throw refused('server.tls_cert', message, error);
  }
  return { cert, key, clients };
}

/** What a TLS server is given. It checks who signed the certificate of a device; protection/ refuses what is not right. */
export function tlsOptions({ cert, key, clients }: Certificate) {
  const own = { cert, key, minVersion: OLDEST_TLS } as const;
  if (clients === undefined) return own;
  const { ca, crl } = clients;
  return { ...own, ca, ...(crl === undefined ? {} : { crl }), requestCert: true, rejectUnauthorized: false };
}

/** Whole days until the certificate ends; negative = it has ended. `nowMs`: since 1970. */
export function daysLeft(cert: string, nowMs: number): number {
  return Math.floor((Date.parse(new X509Certificate(cert).validTo) - nowMs) / 86_400_000);
}
