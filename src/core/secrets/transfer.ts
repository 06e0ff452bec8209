// The way of a plain value from a gateway to the device that asked for it: encrypted to a key that the device made for this one
// question (ECDH on P-256, HKDF-SHA-256, AES-256-GCM). Who records the answer, or a proxy that ends TLS, cannot read it. Whom the
// device talks to is proved by HTTPS alone.
import { createECDH, hkdfSync } from 'node:crypto';
import { decrypt, encrypt } from './envelope.ts';

const CURVE = 'prime256v1';
const BOUND = Buffer.from('afd secret transfer 1');

/** The half of a device. */
export class TransferKey {
  readonly #own = createECDH(CURVE);

  constructor() {
    this.#own.generateKeys();
  }

  /** For the question; base64. */
  get publicKey(): string {
    return this.#own.getPublicKey('base64');
  }

  /** @throws Error: it was not encrypted to this key, or was changed */
  open({ public_key, sealed }: { public_key: string; sealed: string }): unknown {
    const shared = this.#own.computeSecret(public_key, 'base64');
    const key = derived(shared, this.publicKey, public_key);
    return JSON.parse(decrypt(key, Buffer.from(sealed, 'base64'), BOUND).toString('utf8'));
  }
}

/** The half of a gateway. @throws Error: that is no public key */
export function sealFor(publicKey: string, value: unknown): { public_key: string; sealed: string } {
  const own = createECDH(CURVE);
  own.generateKeys();
  const public_key = own.getPublicKey('base64');
  const key = derived(own.computeSecret(publicKey, 'base64'), publicKey, public_key);
  return { public_key, sealed: encrypt(key, Buffer.from(JSON.stringify(value)), BOUND).toString('base64') };
}

/** Both public keys, as they were sent, are part of the key. */
function derived(shared: Buffer, asker: string, answerer: string): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, '', `${BOUND.toString()} ${asker} ${answerer}`, 32));
}
