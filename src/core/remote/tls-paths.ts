import { resolve } from 'node:path';
import type { ResolvedConfig } from '../config/load-config.ts';
import type { TlsPaths } from './tls-files.ts';

/** Of a remote worker; undefined = it shows no certificate, and believes whom Node.js believes. */
export function tlsPaths({ config, baseDir }: Pick<ResolvedConfig, 'config' | 'baseDir'>): TlsPaths | undefined {
  const { tls_cert, tls_key, tls_ca } = config.worker;
  if (tls_cert === undefined && tls_key === undefined && tls_ca === undefined) return undefined;
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(baseDir, file));
  return { cert: path(tls_cert), key: path(tls_key), ca: path(tls_ca) };
}
