// The key of a fleet, with which the data keys of secrets are encrypted. It is never in the database. Its text is a line:
// `afd-fleet-key-1 ID KEY`, where KEY is 256 random bits and ID is computed from them.
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

const FORMAT = 'afd-fleet-key-1';
const BYTES = 32;
/** Keys of one text: the newest, and old ones that are still needed. */
const MOST_KEYS = 100;

export interface FleetKey {
  /** 16 hexadecimal digits; says nothing about the key. */
  id: string;
  key: KeyObject;
}

export function fleetKey(bytes: Buffer): FleetKey {
  const id = createHmac('sha256', bytes).update('afd fleet key id').digest('hex').slice(0, 16);
  return { id, key: createSecretKey(bytes) };
}

/** A new key, and its line without a line feed. The line is a secret. */
export function newKey(): { id: string; line: string } {
  const bytes = randomBytes(BYTES);
  const { id } = fleetKey(bytes);
  return { id, line: `${FORMAT} ${id} ${bytes.toString('base64url')}` };
}

/**
 * The keys of a text, the newest first: one a line; empty lines and those that begin with # are skipped.
 * @throws Error in words that follow the name of the source; never with a part of the text
 */
export function parseKeys(text: string): FleetKey[] {
  const keys: FleetKey[] = [];
  for (const [n, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [format, id, spelled, ...more] = line.split(/\s+/);
    if (format !== FORMAT || id === undefined || spelled === undefined || more.length > 0) throw wrong(n);
    const bytes = Buffer.from(spelled, 'base64url');
    if (bytes.length !== BYTES || bytes.toString('base64url') !== spelled) throw wrong(n);
    const key = fleetKey(bytes);
    if (key.id !== id) throw new Error(`line ${n + 1} is damaged: its id does not belong to its key`);
    if (keys.some((one) => one.id === id)) continue;
    keys.push(key);
  }
  if (keys.length === 0) throw new Error('there is no key in it');
  if (keys.length > MOST_KEYS) throw new Error(`there are more than ${MOST_KEYS} keys in it`);
  return keys;
}

function wrong(n: number): Error {
  return new Error(`line ${n + 1} is not a key of afd, as "afd secrets key" writes it`);
}
