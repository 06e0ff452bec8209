// Which rings a device obeys: those that come from where they say, each once. A cookie goes to the address that a ring
// named as its sender, so only a process that receives there can send it back (as in DTLS, RFC 6347, section 4.2.1).
// The device keeps nothing for it but its own key, and changes the key now and then; under one key it remembers which
// rings it took.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { monotonic } from '../runtime/clock.ts';
import { COOKIE_BYTES, codeOf, type Ring } from './datagram.ts';
import type { Sender } from './ring-socket.ts';

/** How long a key is used; its cookies count for the same time again. */
const KEY_MS = 10_000;
/** Rings taken under one key; the next one makes a new key. */
const MOST_TAKEN = 4096;

interface Key {
  secret: Buffer;
  since: number;
  /** Sequences of the rings that were taken. */
  taken: Set<string>;
}

export class Cookies {
  readonly #now: () => number;
  #key: Key;
  #former: Key | undefined;

  /** `now`: milliseconds, monotonic. */
  constructor(now: () => number = monotonic) {
    this.#now = now;
    this.#key = newKey(now());
  }

  /** For the next ring from this address: 8 bytes, good for 10 to 20 s. */
  issue(to: Sender): Buffer {
    this.#turn();
    return cookieOf(this.#key, to);
  }

  /** `new`: it is to be obeyed, and was not seen before; `again`: it was; `unproved`: its cookie was not issued to this address, or long ago. */
  take({ cookie, sequence }: Pick<Ring, 'cookie' | 'sequence'>, from: Sender): 'new' | 'again' | 'unproved' {
    this.#turn();
    const keys = this.#former === undefined ? [this.#key] : [this.#key, this.#former];
    if (!keys.some((key) => timingSafeEqual(cookie, cookieOf(key, from)))) return 'unproved';
    const name = sequence.toString('hex');
    if (keys.some(({ taken }) => taken.has(name))) return 'again';
    this.#key.taken.add(name);
    return 'new';
  }

  #turn(): void {
    const now = this.#now();
    const { since, taken } = this.#key;
    const ended = now - since >= KEY_MS;
    if (!ended && taken.size < MOST_TAKEN) return;
    this.#former = now - since < 2 * KEY_MS ? this.#key : undefined;
    // Counted from the end of the former one, even if no ring came then: its cookies count for no longer.
    this.#key = newKey(ended && this.#former !== undefined ? since + KEY_MS : now);
  }
}

function newKey(since: number): Key {
  return { secret: randomBytes(32), since, taken: new Set() };
}

function cookieOf({ secret }: Key, { address, port }: Sender): Buffer {
  return codeOf(`${address}|${port}`, secret, COOKIE_BYTES);
}
