// Whose session a request brings in its cookie.
import { createHash, randomBytes } from 'node:crypto';
import type { Context } from '../context/context.ts';
import { type FoundKey, findKeys, type KnownKey } from '../db/access/api-keys.ts';
import { findSessions, type SessionRow, seeSessions } from '../db/access/sessions.ts';
import type { UserRole } from '../domain/access/role.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { PacedReads } from './paced-reads.ts';
import { RecentAnswers } from './recent-answers.ts';

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
  user?: { id: string; name: string; role: UserRole };
  key?: KnownKey;
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
  readonly #found: RecentAnswers<SignedIn | undefined>;

  /** `now`: milliseconds, monotonic. */
  constructor(use: Use, now: () => number = monotonic) {
    this.#use = use;
    const reads = new PacedReads((ids) => this.#read(ids, true), now);
    this.#found = new RecentAnswers((id) => reads.of(id), now);
  }

  /** A refusal is a sentence without its end. @throws what `use` throws */
  async check(text: string): Promise<CheckedSession> {
    const hash = sessionHash(text);
    const session = hash && (await this.#found.of(hash.toString('hex')));
    return session === undefined ? { refusal: 'The session has ended: sign in again' } : { session };
  }

  /** Whether it goes on, which this question does not prolong. @throws what `use` throws */
  async holds(text: string): Promise<boolean> {
    const hash = sessionHash(text);
    return hash !== undefined && (await this.#read([hash.toString('hex')], false)).size > 0;
  }

  /** One that began just now. @throws AfdError E_LOGIN when it has ended already; what `use` throws */
  async begun(text: string): Promise<SignedIn> {
    const [found] = (await this.#read([sessionHash(text)!.toString('hex')], false)).values();
    if (found === undefined) throw new AfdError('E_LOGIN', 'The session has ended: the user or key was changed.');
    return found;
  }

  /** It has ended here: this process knows it at once, others within seconds. */
  forget(hash: Buffer): void {
    this.#found.forget(hash.toString('hex'));
  }

  /** By their hashes in hexadecimal. */
  async #read(ids: string[], seen: boolean): Promise<Map<string, SignedIn>> {
    return this.#use(async (context) => {
      const session = await context.session();
      const rows = await findSessions(
        session,
        context.names,
        ids.map((id) => Buffer.from(id, 'hex')),
        IDLE_S,
      );
      const keyIds = rows.flatMap(({ key_id }) => key_id ?? []);
      const keys = keyIds.length === 0 ? [] : await findKeys(session, context.names, keyIds);
      const found = new Map<string, SignedIn>();
      const unseen: Buffer[] = [];
      for (const row of rows) {
        const one = signedIn(row, keys);
        if (one === undefined) continue;
        found.set(row.hash.toString('hex'), one);
        if (row.unseen_s >= SEEN_S) unseen.push(row.hash);
      }
      if (seen && unseen.length > 0) await seeSessions(session, context.names, unseen, IDLE_S);
      return found;
    });
  }
}

/** A session of a key ends with its key. */
function signedIn({ created_at, expires_at, user, key_id }: SessionRow, keys: FoundKey[]): SignedIn | undefined {
  if (user !== null) return { created_at, expires_at, user };
  const found = keys.find((key) => key.key_id === key_id);
  if (found?.active !== true) return undefined;
  const { hash: _, unused_s: __, left_s: ___, ...key } = found;
  return { created_at, expires_at: [expires_at, key.expires_at].sort()[0]!, key };
}
