// Whose a certificate is: a device is named by the URI afd://device/ID among the alternative names, or else by the common name.
import type { X509Certificate } from 'node:crypto';

const PREFIX = 'afd://device/';
const DEVICE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Node.js puts a name in quotes where it has a comma or a quote, so that one is never taken for two. */
const NAME = /(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/y;

export function deviceUri(deviceId: string): string {
  return PREFIX + deviceId;
}

/** SHA-256, in lower case and without colons. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** Undefined = it names no device, or several. */
export function deviceOf(certificate: X509Certificate): string | undefined {
  const uris = urisOf(certificate.subjectAltName ?? '');
  const own = uris?.filter((one) => one.toLowerCase().startsWith(PREFIX));
  if (own === undefined || own.length > 1) return undefined;
  const [uri] = own;
  const id = uri === undefined ? commonName(certificate) : uri.slice(PREFIX.length);
  return id !== undefined && DEVICE_ID.test(id) ? id : undefined;
}

/** Undefined = these are not names as Node.js spells them. */
function urisOf(names: string): string[] | undefined {
  const found: string[] = [];
  let at = 0;
  while (at < names.length) {
    NAME.lastIndex = at;
    const [whole, kind, value] = NAME.exec(names) ?? [];
    if (whole === undefined || whole === '') return undefined;
    at += whole.length;
    if (kind === 'URI') found.push(value!);
  }
  return found;
}

function commonName(certificate: X509Certificate): string | undefined {
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  return typeof CN === 'string' ? CN : undefined;
}
