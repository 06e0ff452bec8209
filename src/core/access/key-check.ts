// Whose key a request brings.
import { timingSafeEqual } from 'node:crypto';
import type { Context } from '../context/context.ts';
import { findKey, type KeyRow, touchKey } from '../db/access/api-keys.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { parseApiKey } from './api-key.ts';
import { RecentAnswers } from './recent-answers.ts';

/** Seconds before its end from which on a key that is used is told of, once a day. */
const ENDS_SOON_S = 14 * 86_400;
const DAY_MS = 86_400_000;
/** Questions of one second for keys that are not known, so that invented ones cost the database little. */
const MOST_UNKNOWN = 50;
const SECOND_MS = 1000;
/** Its last use is written this often, in seconds. */
const TOUCHED_S = 60;

type Found = Awaited<ReturnType<typeof findKey>>;
export type CheckedKey = { key: KeyRow } | { refusal: string };

/** Runs work with a session of the gateway. */
type Use = <T>(work: (context: Context) => Promise<T>) => Promise<T>;

const UNKNOWN = 'The API key is not known';

export class KeyCheck {
  readonly #use: Use;
  readonly #warn: (sentence: string) => void;
  readonly #now: () => number;
  /** Keys that end soon: when that was said. */
  readonly #told = new Map<string, number>();
  readonly #found: RecentAnswers<Found>;
  #unknown = { since: Number.NEGATIVE_INFINITY, n: 0 };

  /** `now`: milliseconds, monotonic. */
  constructor(use: Use, warn: (sentence: string) => void, now: () => number = monotonic) {
    this.#use = use;
    this.#warn = warn;
    this.#now = now;
    this.#found = new RecentAnswers((id, known) => this.#ask(id, known), now);
  }

  /** A refusal is a sentence without its end. @throws AfdError E_TEMPORARY while too many unknown keys come; what `use` throws */
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

  #count(): void {
    const now = this.#now();
    if (now - this.#unknown.since >= SECOND_MS) this.#unknown = { since: now, n: 0 };
    this.#unknown.n += 1;
    if (this.#unknown.n > MOST_UNKNOWN)
      throw new AfdError('E_TEMPORARY', `More than ${MOST_UNKNOWN} unknown API keys came within a second.`);
  }

  async #ask(id: string, known: Found): Promise<Found> {
    if (known === undefined) this.#count();
    return this.#use(async (context) => {
      const session = await context.session();
      const row = await findKey(session, context.names, id);
      if (row?.active === true && (row.unused_s === null || row.unused_s >= TOUCHED_S))
        await touchKey(session, context.names, id);
      return row;
    });
  }
}
