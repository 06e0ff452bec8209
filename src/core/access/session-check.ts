// Whose session a request brings in its cookie.
import { createHash, randomBytes } from 'node:crypto';
import type { Context } from '../context/context.ts';
import { findKey, type KeyRow } from '../db/access/api-keys.ts';
import { findSession, type SessionRow, seeSession } from '../db/access/sessions.ts';
import type { UserRole } from '../domain/access/role.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { RecentAnswers } from './recent-answers.ts';
import { UnknownLimit } from './unknown-limit.ts';

const HOUR_S = 3600;
/** Seconds after which a session ends. */
export const SESSION_S = 12 * HOUR_S;
/** Seconds without a request after which it ends. */
export const IDLE_S = HOUR_S / 2;
/** That it was seen is written this often, in seconds. */
const SEEN_S = 60;
/** 256 bits in base64url. */
const SHAPE = /^[A-Za-z0-9_-]{43}$/;

export interface SignedIn {
  created_at: string;
  expires_at: string;
  /** Exactly one of both. */
  user?: { name: string; role: UserRole };
  key?: KeyRow;
}

export type CheckedSession = { session: SignedIn } | { refusal: string };

/** Runs work with a session of the gateway. */
type Use = <T>(work: (context: Context) => Promise<T>) => Promise<T>;

/** What the cookie holds, and what the database has of it. */
export function newSessionId(): { text: string; hash: Buffer } {
  const text = randomBytes(32).toString('base64url');
  return { text, hash: sessionHash(text)! };
}

/** Undefined = it is no id of a session. */
export function sessionHash(text: string): Buffer | undefined {
  return SHAPE.test(text) ? createHash('sha256').update(text).digest() : undefined;
}

export class SessionCheck {
  readonly #use: Use;
  readonly #unknown: UnknownLimit;
  readonly #found: RecentAnswers<SignedIn | undefined>;

  /** `now`: milliseconds, monotonic. */
  constructor(use: Use, now: () => number = monotonic) {
    this.#use = use;
    this.#unknown = new UnknownLimit('sessions', now);
    this.#found = new RecentAnswers((hash, known) => this.#ask(Buffer.from(hash, 'hex'), known), now);
  }

  /** A refusal is a sentence without its end. @throws AfdError E_TEMPORARY while too many unknown ones come; what `use` throws */
  async check(text: string): Promise<CheckedSession> {
    const hash = sessionHash(text);
    const session = hash && (await this.#found.of(hash.toString('hex')));
    return session === undefined ? { refusal: 'The session has ended: sign in again' } : { session };
  }

  /** Whether it goes on, which this question does not prolong. @throws what `use` throws */
  async holds(text: string): Promise<boolean> {
    const hash = sessionHash(text);
    return hash !== undefined && (await this.#read(hash, false)) !== undefined;
  }

  /** One that began just now. @throws AfdError E_LOGIN when it has ended already; what `use` throws */
  async begun(text: string): Promise<SignedIn> {
    const found = await this.#read(sessionHash(text)!, false);
    if (found === undefined) throw new AfdError('E_LOGIN', 'The session has ended: the user or key was changed.');
    return found;
  }

  /** It has ended here: this process knows it at once, others within seconds. */
  forget(hash: Buffer): void {
    this.#found.forget(hash.toString('hex'));
  }

  async #ask(hash: Buffer, known: SignedIn | undefined): Promise<SignedIn | undefined> {
    if (known === undefined) this.#unknown.count();
    return this.#read(hash, true);
  }

  async #read(hash: Buffer, seen: boolean): Promise<SignedIn | undefined> {
    return this.#use(async (context) => {
      const session = await context.session();
      const row = await findSession(session, context.names, hash, IDLE_S);
      const found = row && (await signedIn(context, row));
      if (seen && found !== undefined && row!.unseen_s >= SEEN_S)
        await seeSession(session, context.names, hash, IDLE_S);
      return found;
    });
  }
}

/** A session of a key ends with its key. */
async function signedIn(context: Context, row: SessionRow): Promise<SignedIn | undefined> {
  const { created_at, expires_at, user, key_id } = row;
  if (user !== null) return { created_at, expires_at, user };
  const found = await findKey(await context.session(), context.names, key_id!);
  if (found?.active !== true) return undefined;
  const { hash: _, unused_s: __, left_s: ___, ...key } = found;
  return { created_at, expires_at: [expires_at, key.expires_at].sort()[0]!, key };
}
