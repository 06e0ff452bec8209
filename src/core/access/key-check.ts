// Whose key a request brings.
import { timingSafeEqual } from 'node:crypto';
import type { Context } from '../context/context.ts';
import { type FoundKey, findKeys, type KeyRow, type KnownKey, touchKeys } from '../db/access/api-keys.ts';
import { monotonic } from '../runtime/clock.ts';
import { parseApiKey } from './api-key.ts';
import { PacedReads } from './paced-reads.ts';
import { RecentAnswers } from './recent-answers.ts';

/** A used key that ends within this many seconds is a warning, once a day. */
const ENDS_SOON_S = 14 * 86_400;
const DAY_MS = 86_400_000;
/** Its last use is written this often, in seconds. */
const TOUCHED_S = 60;

export type CheckedKey = { key: KnownKey } | { refusal: string };

/** Runs work with a session of the gateway. */
type Use = <T>(work: (context: Context) => Promise<T>) => Promise<T>;

const UNKNOWN = 'The API key is not known';

export class KeyCheck {
  readonly #use: Use;
  readonly #warn: (sentence: string) => void;
  readonly #now: () => number;
  /** Keys that end soon: when that was said. */
  readonly #told = new Map<string, number>();
  readonly #found: RecentAnswers<FoundKey | undefined>;

  /** `now`: milliseconds, monotonic. */
  constructor(use: Use, warn: (sentence: string) => void, now: () => number = monotonic) {
    this.#use = use;
    this.#warn = warn;
    this.#now = now;
    const reads = new PacedReads((ids) => this.#read(ids), now);
    this.#found = new RecentAnswers((id) => reads.of(id), now);
  }

  /** A refusal is a sentence without its end. @throws what `use` throws */
  async check(text: string): Promise<CheckedKey> {
    const given = parseApiKey(text);
    if (given === undefined)
      return { refusal: 'The API key is not complete: a key of afd begins with afd_ and has 64 characters' };
    const found = await this.#found.of(given.id);
    if (found === undefined || !timingSafeEqual(found.hash, given.hash)) return { refusal: UNKNOWN };
    const { hash: _, unused_s: __, left_s, ...key } = found;
    if (key.active) {
      if (left_s < ENDS_SOON_S) this.#tell(key);
      return { key };
    }
    const end = key.revoked_at === null ? `expired at ${key.expires_at}` : `was revoked at ${key.revoked_at}`;
    return { refusal: `The API key ${key.key_id} (${key.name}) ${end}` };
  }

  #tell({ key_id, name, expires_at }: KeyRow): void {
    const told = this.#told.get(key_id);
    if (told !== undefined && this.#now() - told < DAY_MS) return;
    this.#told.set(key_id, this.#now());
    this.#warn(`the API key ${key_id} (${name}) is in use and ends at ${expires_at}: afd keys rotate ${key_id}`);
  }

  async #read(ids: string[]): Promise<Map<string, FoundKey>> {
    return this.#use(async (context) => {
      const session = await context.session();
      const found = await findKeys(session, context.names, ids);
      const used = found.filter((key) => key.active && (key.unused_s === null || key.unused_s >= TOUCHED_S));
      if (used.length > 0)
        await touchKeys(
          session,
          context.names,
          used.map((key) => key.key_id),
        );
      return new Map(found.map((key) => [key.key_id, key]));
    });
  }
}
