// A device gets its first certificate. Its key is made here and stays here.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { certificateAnswer } from '../../http/access/certificate-contract.ts';
import type { ResolvedConfig } from '../config/load-config.ts';
import { AfdError } from '../domain/errors.ts';
import { GatewayClient } from '../remote/gateway-client.ts';
import type { TlsPaths } from '../remote/tls-files.ts';
import { wallMilliseconds } from '../runtime/clock.ts';
import { readIfThere, writeWhole } from './whole-files.ts';

export interface EnrollOptions {
  urls: readonly string[];
  code: string;
  /** The code must be for it; undefined = the code says for which. */
  deviceId: string | undefined;
  /** Absolute paths. */
  cert: string;
  key: string;
  /** Of the authorities of gateways; undefined = those of Node.js. */
  ca: string | undefined;
  callTimeoutMs: number;
}

export interface EnrolledDevice {
  device_id: string;
  /** Absolute paths. */
  tls_cert: string;
  tls_key: string;
  fingerprint: string;
  expires_at: string;
}

/** What is not given is as the configuration says. @throws AfdError E_USAGE: no gateway is known */
export function enrollOptions(
  { config, baseDir }: Pick<ResolvedConfig, 'config' | 'baseDir'>,
  given: { code: string } & TlsPaths,
): EnrollOptions {
  const { worker, database } = config;
  if (worker.gateway === undefined)
    throw new AfdError('E_USAGE', 'Which gateway? Give --gateway URL, or set worker.gateway.', {
      suggestions: ['afd devices enroll --help'],
    });
  const path = (file: string) => resolve(baseDir, file);
  return {
    ...{ urls: worker.gateway, code: given.code, deviceId: worker.device_id },
    cert: given.cert ?? path(worker.tls_cert ?? 'afd-device.pem'),
    key: given.key ?? path(worker.tls_key ?? 'afd-device.key'),
    ca: given.ca ?? (worker.tls_ca === undefined ? undefined : path(worker.tls_ca)),
    callTimeoutMs: database.call_timeout * 1000,
  };
}

/** @throws AfdError E_CONFLICT: there is a certificate already, or the code was used; and others of the gateway; E_FAILED; DatabaseError */
export async function enroll(options: EnrollOptions): Promise<EnrolledDevice> {
  const { urls, code, deviceId, cert, key, ca, callTimeoutMs } = options;
  await refuseValid(cert, key);
  const { newKey, newRequest } = await import('./x509.ts');
  let text = await readIfThere(key);
  if (text === undefined) {
    text = newKey();
    await writeWhole(key, text, 'secret');
  }
  const csr = await newRequest(text).catch((error: Error) => {
    throw new AfdError('E_CONFIG', `${key} is not the key of a device (EC P-256): ${error.message}.`, { cause: error });
  });
  const client = new GatewayClient({ urls, apiKey: undefined, tls: { ca }, callTimeoutMs });
  try {
    const answer = await client.call({
      ...{ method: 'POST', path: 'devices/enroll', answer: certificateAnswer, repeatable: true },
      body: { code, csr, ...(deviceId === undefined ? {} : { device_id: deviceId }) },
    });
    await keepCertificate(cert, text, answer.certificate);
    const { device_id, fingerprint, expires_at } = answer;
    return { device_id, tls_cert: cert, tls_key: key, fingerprint, expires_at };
  } finally {
    client.cut();
  }
}

/** @throws AfdError E_INTERNAL: the gateway has sent the certificate of another key; E_FAILED */
export async function keepCertificate(path: string, key: string, certificate: string): Promise<void> {
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
    throw new AfdError('E_INTERNAL', 'The gateway answered with a certificate of another key.');
  await writeWhole(path, certificate, 'public');
}

async function refuseValid(cert: string, key: string): Promise<void> {
  const text = await readIfThere(cert);
  if (text === undefined) return;
  const endsMs = endOf(text);
  if (endsMs === undefined || endsMs <= wallMilliseconds()) return;
  const end = new Date(endsMs).toISOString();
  throw new AfdError('E_CONFLICT', `${cert} is valid until ${end}. To enrol this device anew, remove it and ${key}.`, {
    suggestions: ['afd devices certificates ls'],
  });
}

/** Since 1970; undefined = it is no certificate. */
function endOf(text: string): number | undefined {
  try {
    return Date.parse(new X509Certificate(text).validTo);
  } catch {
    return undefined;
  }
}
