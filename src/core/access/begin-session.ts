// How a session begins and ends, whatever somebody has shown for it.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import type { KeyRow } from '../db/access/api-keys.ts';
import {
  deleteEndedSessions,
  deleteSession,
  insertKeySession,
  insertUserSession,
  type NewSessionRow,
  noteLogin,
} from '../db/access/sessions.ts';
import { bindOpenId, type FoundUser, findUser } from '../db/access/users.ts';
import { USER_NAME } from '../domain/access/user-name.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import type { OpenIdPerson } from './openid-provider.ts';
import { newSessionId, SESSION_S, type SignedIn } from './session-check.ts';

export interface Client {
  address: string;
  /** By which its failures are counted. */
  network: string;
  request_id: string;
}

/**
 * `also`: in the same transaction; false = the user was changed meanwhile. @throws AfdError `refusal` when the user was changed
 * meanwhile; DatabaseError
 */
export async function beginUserSession(
  context: Context,
  user: FoundUser,
  client: Client,
  { refusal, also }: { refusal: AfdError; also(): Promise<boolean> },
): Promise<string> {
  const session = await context.session();
  const { names } = context;
  const { text, hash } = newSessionId();
  const by = { who: `user:${user.name}`, label: `user ${user.name}`, ...sourceOf(client) };
  const begin = async () => {
    await deleteEndedSessions(session, names);
    if (!(await insertUserSession(session, names, user, newRow(hash, client)))) throw refusal;
    await noteLogin(session, names, user);
    if (!(await also())) throw refusal;
  };
  await audited({ session, names }, by, begin, () => ({
    ...{ action: 'sessions.begin', object_type: 'user', object_id: user.name },
  }));
  return text;
}

/**
 * Of the user whom a provider names. The first sign-in binds the user to the person, so that nobody gets in who is called so later. A
 * user with a password signs in with it, whatever a provider says. @throws AfdError E_LOGIN; DatabaseError
 */
export async function beginOpenIdSession(context: Context, person: OpenIdPerson, client: Client): Promise<string> {
  const session = await context.session();
  const { names } = context;
  // A text that is no name is not compared with names: servers find more texts equal than afd does.
  const user = USER_NAME.test(person.name) ? await findUser(session, names, person.name) : undefined;
  const refusal = unknownPerson(person.name);
  if (user === undefined || user.disabled || user.password_hash !== null) throw refusal;
  const also = () => bindOpenId(session, names, user, person.hash);
  return beginUserSession(context, user, client, { refusal, also });
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

function newRow(hash: Buffer, { address }: Client): NewSessionRow {
  return { hash, source: address.slice(0, 64), lifetime_s: SESSION_S };
}

function sourceOf({ address, request_id }: Client): Pick<Actor, 'source' | 'request_id'> {
  return { source: address, request_id };
}

/** The same for one who is missing, disabled, bound to another person, or has a password: an administrator can tell which. */
function unknownPerson(name: string): AfdError {
  const shown = USER_NAME.test(name) ? `the user ${name}` : 'a user with that name';
  const message = `The OpenID provider signed you in, but ${shown} does not sign in to afd this way: an administrator adds a user without a password.`;
  return new AfdError('E_LOGIN', message, { suggestions: ['afd users ls', 'afd users add --help'] });
}
