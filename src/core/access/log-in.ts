// Sign-in with a name and a password, or with an API key. Whether a name is that of a user, nobody learns from the answer or its time.
import { createHash } from 'node:crypto';
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import type { KeyRow } from '../db/access/api-keys.ts';
import {
  agesOfFailures,
  deleteFailure,
  deleteFailures,
  insertFailure,
  type Origin,
} from '../db/access/login-failures.ts';
import {
  deleteEndedSessions,
  deleteSession,
  insertKeySession,
  insertUserSession,
  type NewSessionRow,
  noteLogin,
} from '../db/access/sessions.ts';
import { type FoundUser, findUser, rehash } from '../db/access/users.ts';
import { LOCK_OUT_MS, lockedForMs, MOST_FAILURES } from '../domain/access/lock-out.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import type { PasswordHasher } from './password-hash.ts';
import { newSessionId, SESSION_S, type SignedIn } from './session-check.ts';

/** Seconds for which failures are looked at: a lock-out begins with the last of those that are this far apart. */
const LOOKED_S = (2 * LOCK_OUT_MS) / 1000;
/** Seconds for which they are kept. */
const KEPT_S = 2 * LOOKED_S;
/** Milliseconds for which this process refuses without asking the database. */
const HELD_MS = 5000;
const MOST_HELD = 10_000;

type Use = <T>(work: (context: Context & { now(): Promise<string> }) => Promise<T>) => Promise<T>;

export interface Client {
  address: string;
  /** By which its failures are counted. */
  network: string;
  request_id: string;
}

export class LogIn {
  readonly #use: Use;
  readonly #hasher: PasswordHasher;
  readonly #warn: (sentence: string) => void;
  /** Origins that are locked out: until when this process believes it. */
  readonly #held = new Map<string, { at: number; error: AfdError }>();

  constructor(use: Use, hasher: PasswordHasher, warn: (sentence: string) => void) {
    this.#use = use;
    this.#hasher = hasher;
    this.#warn = warn;
  }

  /** What the cookie of the new session holds. @throws AfdError E_LOGIN, E_LOCKED, E_TEMPORARY; DatabaseError */
  async withPassword(name: string, password: string, client: Client): Promise<string> {
    const origin = { name_hash: nameHash(name), network: client.network };
    for (const { key } of countsOf(origin)) {
      const held = this.#held.get(key);
      if (held !== undefined && monotonic() - held.at < HELD_MS) throw held.error;
    }
    const { failure, user } = await this.#begin(name, origin);
    const { ok, old } = await this.#verify(password, user, client.network, failure);
    if (!ok || user === undefined || user.disabled) throw refused();
    const newer = old ? await this.#hasher.hash(password) : undefined;
    return this.#use((context) => signIn(context, user, origin, client, newer));
  }

  /** The attempt counts as a failure until it is known to be none. */
  async #begin(name: string, origin: Required<Origin>): Promise<{ failure: string; user: FoundUser | undefined }> {
    return this.#use(async (context) => {
      const session = await context.session();
      const failure = await insertFailure(session, context.names, origin, KEPT_S);
      const lock = await lockOf(context, origin, failure);
      if (lock === undefined) return { failure, user: await findUser(session, context.names, name) };
      await deleteFailure(session, context.names, failure);
      const until = new Date(Date.parse(await context.now()) + lock.ms).toISOString();
      this.#warn(`log-ins from ${origin.network} are refused until ${until}: too many have failed`);
      throw this.#hold(lock.key, locked(until, lock.ms));
    });
  }

  async #verify(password: string, user: FoundUser | undefined, network: string, failure: string) {
    try {
      return await this.#hasher.verify(password, user?.password_hash, network);
    } catch (error) {
      // Nothing was tried.
      await this.#use(async (context) => deleteFailure(await context.session(), context.names, failure));
      throw error;
    }
  }

  #hold(key: string, error: AfdError): AfdError {
    this.#held.delete(key);
    this.#held.set(key, { at: monotonic(), error });
    const [oldest] = this.#held.keys();
    if (this.#held.size > MOST_HELD) this.#held.delete(oldest!);
    return error;
  }
}

/** How failures are counted; `key` is for memory. */
function countsOf({ name_hash, network }: Required<Origin>): Array<{ key: string; by: Origin; most: number }> {
  const name = name_hash.toString('hex');
  return [
    { key: `${name} ${network}`, by: { name_hash, network }, most: MOST_FAILURES.both },
    { key: ` ${network}`, by: { network }, most: MOST_FAILURES.network },
    { key: `${name} `, by: { name_hash }, most: MOST_FAILURES.name },
  ];
}

/** Undefined = none. @throws DatabaseError */
async function lockOf(
  context: Context,
  origin: Required<Origin>,
  without: string,
): Promise<{ key: string; ms: number } | undefined> {
  const session = await context.session();
  for (const { key, by, most } of countsOf(origin)) {
    const ages = await agesOfFailures(session, context.names, by, { without, sinceS: LOOKED_S, most });
    const ms = lockedForMs(ages, most);
    if (ms > 0) return { key, ms };
  }
  return undefined;
}

/** @throws AfdError E_LOGIN when the user was changed meanwhile; DatabaseError */
async function signIn(
  context: Context,
  user: FoundUser,
  origin: Required<Origin>,
  client: Client,
  newer: string | undefined,
): Promise<string> {
  const session = await context.session();
  const { names } = context;
  const { text, hash } = newSessionId();
  const by = { who: `user:${user.name}`, label: `user ${user.name}`, ...sourceOf(client) };
  const begin = async () => {
    await deleteEndedSessions(session, names);
    if (!(await insertUserSession(session, names, user, newRow(hash, client)))) throw refused();
    await noteLogin(session, names, user);
    if (newer !== undefined) await rehash(session, names, user, newer);
    await deleteFailures(session, names, origin);
  };
  await audited({ session, names }, by, begin, () => ({
    ...{ action: 'sessions.begin', object_type: 'user', object_id: user.name },
  }));
  return text;
}

/** A session that stands for a key. @throws DatabaseError */
export async function beginKeySession(context: Context, key: KeyRow, client: Client): Promise<string> {
  const session = await context.session();
  const { names } = context;
  const { text, hash } = newSessionId();
  const by = { who: `key:${key.key_id}`, label: `key ${key.key_id} (${key.name})`, ...sourceOf(client) };
  const begin = async () => {
    await deleteEndedSessions(session, names);
    await insertKeySession(session, names, key.key_id, newRow(hash, client));
  };
  await audited({ session, names }, by, begin, () => ({
    ...{ action: 'sessions.begin', object_type: 'key', object_id: key.key_id },
  }));
  return text;
}

/** False = it had ended. @throws DatabaseError */
export async function endSession(context: Context, hash: Buffer, { user, key }: SignedIn, by: Actor): Promise<boolean> {
  const session = await context.session();
  const { names } = context;
  const of = user === undefined ? { type: 'key', id: key!.key_id } : { type: 'user', id: user.name };
  return audited(
    { session, names },
    by,
    () => deleteSession(session, names, hash),
    (ended) =>
      ended ? { action: 'sessions.end', object_type: of.type as 'user' | 'key', object_id: of.id } : undefined,
  );
}

/** By which failures of a name are counted. */
export function nameHash(name: string): Buffer {
  return createHash('sha256').update(name.toLowerCase()).digest();
}

function newRow(hash: Buffer, { address }: Client): NewSessionRow {
  return { hash, source: address.slice(0, 64), lifetime_s: SESSION_S };
}

function sourceOf({ address, request_id }: Client): Pick<Actor, 'source' | 'request_id'> {
  return { source: address, request_id };
}

function refused(): AfdError {
  return new AfdError('E_LOGIN', 'There is no active user with this name and this password.');
}

function locked(until: string, ms: number): AfdError {
  const message = `Too many log-ins with this name or from this address have failed; they are refused until ${until}.`;
  return new AfdError('E_LOCKED', message, { data: { locked_until: until, retry_after: Math.ceil(ms / 1000) } });
}
