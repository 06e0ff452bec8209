// The certificate of a gateway, from files that somebody else renews.
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import { readSmallFile } from '../../core/config/small-file.ts';
import { AfdError } from '../../core/domain/errors.ts';

export interface Certificate {
  /** With those between it and its authority. */
  cert: string;
  key: string;
}

export const OLDEST_TLS = 'TLSv1.2';
/** Anybody may not read a key; a group may (that of /etc/ssl/private). */
const ANYBODY = 0o007;

/** Undefined = none is configured. @throws AfdError E_CONFIG when it cannot be used */
export async function readCertificate({
  config: { server },
  baseDir,
}: Pick<ResolvedConfig, 'config' | 'baseDir'>): Promise<Certificate | undefined> {
  const { tls_cert, tls_key } = server;
  if (tls_cert === undefined && tls_key === undefined) return undefined;
  if (tls_cert === undefined || tls_key === undefined) {
    const [there, missing] = tls_cert === undefined ? ['tls_key', 'tls_cert'] : ['tls_cert', 'tls_key'];
    throw refused(`server.${missing}`, `server.${there} is set, and server.${missing} is not: TLS needs both.`);
  }
  const cert = await read('server.tls_cert', resolve(baseDir, tls_cert));
  const key = await read('server.tls_key', resolve(baseDir, tls_key), ANYBODY);
  try {
    createSecureContext({ cert, key, minVersion: OLDEST_TLS });
    daysLeft({ cert, key }, 0);
  } catch (error) {
    const message = `The certificate ${tls_cert} cannot be used with the key ${tls_key}: ${(error as Error).message}.`;
    throw refused('server.tls_cert', message, error);
  }
  return { cert, key };
}

/** Whole days until the certificate ends; negative = it has ended. `nowMs`: since 1970. */
export function daysLeft({ cert }: Certificate, nowMs: number): number {
  return Math.floor((Date.parse(new X509Certificate(cert).validTo) - nowMs) / 86_400_000);
}

async function read(name: string, path: string, forbidden = 0): Promise<string> {
  const { text, facts } = await readSmallFile(path).catch((error: Error) => {
    throw refused(name, `${path} (${name}) cannot be read: ${error.message}.`, error);
  });
  if (facts.isFile() && (facts.mode & forbidden) !== 0)
    throw refused(name, `${path} (${name}) can be read or changed by everybody: run chmod 600 ${path}.`);
  return text;
}

function refused(key: string, message: string, cause?: unknown): AfdError {
  return new AfdError('E_CONFIG', message, { suggestions: ['afd config show'], data: { key }, cause });
}
