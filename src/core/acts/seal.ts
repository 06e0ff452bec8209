// Texts that gateways give to a client and take back: any gateway of the fleet can tell that one of them has written it. The
// key is in the database, so no gateway remembers anything for another.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context } from '../context/context.ts';
import { sharedKey } from '../db/settings/shared-key.ts';

export class Seal {
  readonly #key: Buffer;
  readonly #purpose: string;

  /** What was sealed for one purpose is not valid for another. */
  constructor(key: string, purpose: string) {
    this.#key = Buffer.from(key, 'hex');
    this.#purpose = purpose;
  }

  /** Reads the key of the fleet, or makes it. @throws DatabaseError */
  static async of(context: Context, purpose: string): Promise<Seal> {
    const fresh = randomBytes(32).toString('hex');
    return new Seal(await sharedKey(await context.session(), context.names, fresh), purpose);
  }

  close(value: unknown): string {
    const text = Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${text}.${this.#sign(text).toString('base64url')}`;
  }

  /** Undefined = nobody of this fleet has written it. */
  open(sealed: string): unknown {
    const [text = '', given = '', ...more] = sealed.split('.');
    const signature = Buffer.from(given, 'base64url');
    const own = this.#sign(text);
    if (more.length > 0 || signature.length !== own.length || !timingSafeEqual(signature, own)) return undefined;
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  }

  #sign(text: string): Buffer {
    return createHmac('sha256', this.#key).update(`${this.#purpose} ${text}`).digest();
  }
}
