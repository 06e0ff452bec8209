// How a secret is encrypted: a data key of its own for each version, wrapped by a fleet key. Both texts are AES-256-GCM, and both
// are bound to the name, the version and the id of the fleet key: a row that is copied to another name, or whose version or key id
// is changed, does not open.
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import type { FleetKey } from './fleet-key.ts';

const CIPHER = 'aes-256-gcm';
const IV = 12;
const TAG = 16;
const DATA_KEY = 32;

export interface SecretIdentity {
  name: string;
  version: number;
}

export interface SealedValue {
  key_id: string;
  /** Initialization vector, encrypted data key, tag. */
  wrapped_key: Buffer;
  /** Initialization vector, encrypted JSON text, tag. */
  sealed: Buffer;
}

/** `value`: anything that JSON can represent. */
export function seal(fleet: FleetKey, identity: SecretIdentity, value: unknown): SealedValue {
  const dataKey = randomBytes(DATA_KEY);
  const bound = { ...identity, key_id: fleet.id };
  return {
    key_id: fleet.id,
    wrapped_key: encrypt(fleet.key, dataKey, aad('key', bound)),
    sealed: encrypt(dataKey, Buffer.from(JSON.stringify(value)), aad('value', bound)),
  };
}

/** @throws Error when a byte of it, its name, its version or its key id is not what was sealed */
export function open(fleet: FleetKey, { name, version }: SecretIdentity, row: SealedValue): unknown {
  const bound = { name, version, key_id: row.key_id };
  const dataKey = decrypt(fleet.key, row.wrapped_key, aad('key', bound));
  return JSON.parse(decrypt(dataKey, row.sealed, aad('value', bound)).toString('utf8'));
}

/** JSON: no two identities have the same text. */
function aad(part: 'key' | 'value', { name, version, key_id }: SecretIdentity & { key_id: string }): Buffer {
  return Buffer.from(JSON.stringify(['afd secret 1', part, name, version, key_id]));
}

export function encrypt(key: Buffer | KeyObject, plain: Buffer, bound: Buffer): Buffer {
  const iv = randomBytes(IV);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG }).setAAD(bound);
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error: it was changed, or is bound to something else */
export function decrypt(key: Buffer | KeyObject, text: Buffer, bound: Buffer): Buffer {
  if (text.length < IV + TAG) throw new Error('it is too short');
  const cipher = createDecipheriv(CIPHER, key, text.subarray(0, IV), { authTagLength: TAG }).setAAD(bound);
  cipher.setAuthTag(text.subarray(text.length - TAG));
  return Buffer.concat([cipher.update(text.subarray(IV, text.length - TAG)), cipher.final()]);
}
