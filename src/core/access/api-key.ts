// The text of an API key: `afd_<id>_<secret>_<checksum>`. The id finds its row, the checksum lets a scanner of code and logs (and a
// gateway, before it asks the database) tell a key from other texts. The database has nothing but a hash.
import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID = 8;
/** More than 256 bits. */
const SECRET = 43;
/** 62^6 is more than 2^32. */
const CHECKSUM = 6;
const SHAPE = /^afd_([0-9A-Za-z]{8})_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/;

export interface ApiKey {
  /** Names the key in lists and logs; no secret. */
  id: string;
  /** SHA-256. The secret has more entropy than can be guessed, so it needs no slow hash. */
  hash: Buffer;
}

export function newApiKey(): ApiKey & { text: string } {
  const body = `afd_${randomText(ID)}_${randomText(SECRET)}`;
  const text = `${body}_${checksum(body)}`;
  return { text, ...parseApiKey(text)! };
}

/** Undefined = it is no key: its shape or its checksum is wrong. */
export function parseApiKey(text: string): ApiKey | undefined {
  const id = SHAPE.exec(text)?.[1];
  if (id === undefined) return undefined;
  const body = text.slice(0, -CHECKSUM - 1);
  if (checksum(body) !== text.slice(-CHECKSUM)) return undefined;
  return { id, hash: createHash('sha256').update(text).digest() };
}

/** Letters and digits; each has almost six bits. */
export function randomText(length: number): string {
  return Array.from({ length }, () => DIGITS[randomInt(DIGITS.length)]).join('');
}

function checksum(body: string): string {
  let left = crc32(body);
  let text = '';
  for (let n = 0; n < CHECKSUM; n += 1) {
    text = DIGITS[left % DIGITS.length] + text;
    left = Math.floor(left / DIGITS.length);
  }
  return text;
}
