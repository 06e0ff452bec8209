// Passwords as scrypt hashes: `$scrypt$ln=17,r=8,p=1$<salt>$<hash>`. Each takes 128 MiB and almost half a second of a processor, so few are
// made at a time and few may wait.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import pLimit from 'p-limit';
import { refusedPassword } from '../domain/access/user-name.ts';
import { AfdError } from '../domain/errors.ts';

export interface ScryptCost {
  /** Binary logarithm of N. */
  ln: number;
  r: number;
  p: number;
}

/** As OWASP recommends it. */
export const COST: ScryptCost = { ln: 17, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Memory of one, whatever parameters the database has. */
const MOST_BYTES = 512 * 1024 * 1024;
const SHAPE = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/** Made at a time by this process. */
const MOST_RUNNING = 2;
/** That wait for their turn; more are refused. */
const MOST_WAITING = 32;
/** Of these, from one network: who guesses leaves room for others. */
const MOST_OF_ONE = 4;

/** A new one. @throws AfdError E_USAGE */
export function checkPassword(name: string, password: string): void {
  const refused = refusedPassword(name, password);
  if (refused !== undefined) throw new AfdError('E_USAGE', refused);
}

interface Parsed {
  cost: ScryptCost;
  salt: Buffer;
  hash: Buffer;
}

export class PasswordHasher {
  readonly #cost: ScryptCost;
  readonly #turn = pLimit(MOST_RUNNING);
  readonly #byNetwork = new Map<string, number>();
  #made = 0;

  /** `cost`: of new hashes. */
  constructor(cost: ScryptCost = COST) {
    this.#cost = cost;
  }

  /** How often scrypt ran. */
  get made(): number {
    return this.#made;
  }

  /** @throws AfdError E_TEMPORARY */
  async hash(password: string, network = ''): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return text(this.#cost, salt, await this.#derive(password, this.#cost, salt, network));
  }

  /**
   * Whether it is the password; and whether its hash has other parameters than new ones. Without a hash (there is no such user) the
   * same work is done, and it is not. @throws AfdError E_TEMPORARY when too many wait; E_INTERNAL for what is no hash
   */
  async verify(password: string, stored: string | undefined, network: string): Promise<{ ok: boolean; old: boolean }> {
    if (stored === undefined) {
      await this.#derive(password, this.#cost, randomBytes(SALT_BYTES), network);
      return { ok: false, old: false };
    }
    const { cost, salt, hash } = parse(stored);
    const ok = timingSafeEqual(await this.#derive(password, cost, salt, network), hash);
    const { ln, r, p } = this.#cost;
    return { ok, old: cost.ln !== ln || cost.r !== r || cost.p !== p };
  }

  async #derive(password: string, cost: ScryptCost, salt: Buffer, network: string): Promise<Buffer> {
    if ((this.#byNetwork.get(network) ?? 0) >= MOST_OF_ONE)
      throw new AfdError('E_TEMPORARY', `${MOST_OF_ONE} log-ins from ${network} are being checked already.`);
    if (this.#turn.pendingCount >= MOST_WAITING)
      throw new AfdError('E_TEMPORARY', `${MOST_WAITING} log-ins wait already.`);
    this.#count(network, 1);
    try {
      return await this.#turn(() => {
        this.#made += 1;
        return derive(password, cost, salt);
      });
    } finally {
      this.#count(network, -1);
    }
  }

  #count(network: string, change: number): void {
    if (network === '') return;
    const n = (this.#byNetwork.get(network) ?? 0) + change;
    if (n > 0) this.#byNetwork.set(network, n);
    else this.#byNetwork.delete(network);
  }
}

/** Two ways to type an accented letter are one password. */
function derive(password: string, { ln, r, p }: ScryptCost, salt: Buffer): Promise<Buffer> {
  const N = 2 ** ln;
  const options = { N, r, p, maxmem: 256 * N * r + 1024 * r * p };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function text({ ln, r, p }: ScryptCost, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

/** @throws AfdError E_INTERNAL */
function parse(stored: string): Parsed {
  const [, ln, r, p, salt = '', hash = ''] = SHAPE.exec(stored) ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  // A hash that somebody wrote into the table must not make a gateway take all memory.
  const sane = cost.ln >= 1 && cost.r >= 1 && cost.p >= 1 && cost.p <= 16 && 128 * 2 ** cost.ln * cost.r <= MOST_BYTES;
  if (!sane)
    throw new AfdError('E_INTERNAL', 'The hash of a password in the database has another form than afd makes.');
  return { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}
