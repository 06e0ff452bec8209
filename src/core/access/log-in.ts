// Sign-in with a name and a password. Whether a name is that of a user, nobody learns from the answer or its time.
import type { Context } from '../context/context.ts';
import {
  agesOfFailures,
  deleteFailure,
  deleteFailures,
  insertFailure,
  type Origin,
} from '../db/access/login-failures.ts';
import { type FoundUser, findUser, rehash } from '../db/access/users.ts';
import { LOCK_OUT_MS, lockedForMs, MOST_FAILURES } from '../domain/access/lock-out.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import { beginUserSession, type Client } from './begin-session.ts';
import { nameHash } from './login-name.ts';
import { changePassword } from './manage-users.ts';
import { checkPassword, type PasswordHasher } from './password-hash.ts';

/** Seconds for which failures are looked at: a lock-out begins with the last of those that are this far apart. */
const LOOKED_S = (2 * LOCK_OUT_MS) / 1000;
/** Seconds for which they are kept. */
const KEPT_S = 2 * LOOKED_S;
/** Milliseconds for which this process refuses without asking the database. */
const HELD_MS = 5000;
const MOST_HELD = 10_000;

type Use = <T>(work: (context: Context & { now(): Promise<string> }) => Promise<T>) => Promise<T>;

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
    const { user, old, origin, failure } = await this.#check(name, password, client);
    const newer = old ? await this.#tried(failure, this.#hasher.hash(password)) : undefined;
    return this.#use(async (context) => {
      const session = await context.session();
      const also = async () => {
        if (newer !== undefined) await rehash(session, context.names, user, newer);
        await deleteFailures(session, context.names, origin);
        return true;
      };
      return beginUserSession(context, user, client, { refusal: refused(), also });
    });
  }

  /**
   * Sets the password of somebody who knows the old one, which counts as a log-in where it is wrong. All sessions of the user end; the answer is
   * what the cookie of a new one holds. @throws AfdError E_LOGIN, E_LOCKED, E_TEMPORARY; E_USAGE for the new password; DatabaseError
   */
  async changePassword(
    name: string,
    { password, next }: { password: string; next: string },
    client: Client,
    by: Actor,
  ): Promise<string> {
    checkPassword(name, next);
    const { user, failure } = await this.#check(name, password, client);
    const hash = await this.#tried(failure, this.#hasher.hash(next, client.network));
    return this.#use(async (context) => {
      const session = await context.session();
      // If somebody has changed the user meanwhile, the old password proves nothing any more.
      await changePassword(context, user.name, { hash }, by, { user, refusal: refused() });
      const changed = await findUser(session, context.names, user.name);
      // Somebody has changed it once more, or there is another user of that name.
      if (changed?.id !== user.id || changed.generation !== user.generation + 1) throw refused();
      return beginUserSession(context, changed, client, { refusal: refused(), also: async () => true });
    });
  }

  /** @throws AfdError E_LOGIN, E_LOCKED, E_TEMPORARY; DatabaseError */
  async #check(name: string, password: string, client: Client) {
    const origin = { name_hash: nameHash(name), network: client.network };
    for (const { key } of countsOf(origin)) {
      const held = this.#held.get(key);
      if (held !== undefined && monotonic() - held.at < HELD_MS) throw held.error;
    }
    const { failure, user } = await this.#begin(name, origin);
    const { ok, old } = await this.#verify(password, user, client.network, failure);
    if (!ok || user === undefined || user.disabled) throw refused();
    return { user, old, origin, failure };
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

  #verify(password: string, user: FoundUser | undefined, network: string, failure: string) {
    return this.#tried(failure, this.#hasher.verify(password, user?.password_hash ?? undefined, network));
  }

  /** What is refused for want of room is no failure of who signs in. */
  async #tried<T>(failure: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
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

function refused(): AfdError {
  return new AfdError('E_LOGIN', 'There is no active user with this name and this password.');
}

function locked(until: string, ms: number): AfdError {
  const message = `Too many log-ins with this name or from this address have failed; they are refused until ${until}.`;
  return new AfdError('E_LOCKED', message, { data: { locked_until: until, retry_after: Math.ceil(ms / 1000) } });
}
