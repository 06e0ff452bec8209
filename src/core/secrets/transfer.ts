// The way of a plain value from a gateway to the device that asked for it: encrypted to a key that the device made for this one
// question (X25519, HKDF-SHA-256, AES-256-GCM). Who records the answer, or a proxy that ends TLS, cannot read it. Whom the device
// talks to is proved by HTTPS alone.
import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
import { decrypt, encrypt } from './envelope.ts';

const BOUND = Buffer.from('afd secret transfer 1');

/** The half of a device. */
export class TransferKey {
  readonly #own = generateKeyPairSync('x25519');

  /** For the question; base64. */
  get publicKey(): string {
    return spelled(this.#own.publicKey);
  }

  /** @throws Error: it was not encrypted to this key, or was changed */
  open({ public_key, sealed }: { public_key: string; sealed: string }): unknown {
    const key = agreed(this.#own.privateKey, public_key, this.publicKey);
    return JSON.parse(decrypt(key, Buffer.from(sealed, 'base64'), BOUND).toString('utf8'));
  }
}

/** The half of a gateway. @throws Error: that is no public key */
export function sealFor(publicKey: string, value: unknown): { public_key: string; sealed: string } {
  const own = generateKeyPairSync('x25519');
  const public_key = spelled(own.publicKey);
  const key = agreed(own.privateKey, publicKey, publicKey, public_key);
  return { public_key, sealed: encrypt(key, Buffer.from(JSON.stringify(value)), BOUND).toString('base64') };
}

/** `asker`: the public key of the device; `answerer`: of the gateway. Both are part of the key. */
function agreed(own: KeyObject, other: string, asker: string, answerer: string = other): Buffer {
  const publicKey = createPublicKey({ key: Buffer.from(other, 'base64'), format: 'der', type: 'spki' });
  const shared = diffieHellman({ privateKey: own, publicKey });
  return Buffer.from(hkdfSync('sha256', shared, '', `${BOUND.toString()} ${asker} ${answerer}`, 32));
}

function spelled(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}
