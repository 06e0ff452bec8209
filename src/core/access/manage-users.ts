// Users as their administrators add, change and remove them. Whatever changes what a user may do ends the user's sessions.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { deleteFailures } from '../db/access/login-failures.ts';
import {
  countUsers,
  deleteUser,
  disableUser,
  enableUser,
  type FoundUser,
  insertUser,
  listUsers,
  lockAdmins,
  readUser,
  setPassword,
  setRole,
  type UserRow,
} from '../db/access/users.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { UserRole } from '../domain/access/role.ts';
import { USER_NAME } from '../domain/access/user-name.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditAction } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import { nameHash } from './login-name.ts';
import { checkPassword, PasswordHasher } from './password-hash.ts';

export type { UserRow };

/** Users of one list. */
const MOST_USERS = 1000;
const LIST = ['afd users ls'];

/** Asked for when nothing else is in the way. The hash is of one that checkPassword has passed, for
 * those who may hold no session while it is made. */
type Password = string | (() => Promise<string>) | { hash: string };

/** `password`: null = the user signs in at an OpenID provider. @throws AfdError E_USAGE, E_CONFLICT; DatabaseError; what `password` throws */
export async function addUser(
  context: Context,
  { name, role, password }: { name: string; role: UserRole; password: Password | null },
  by: Actor,
): Promise<UserRow> {
  if (!USER_NAME.test(name)) {
    const message = `"${name}" is no name of a user: it has 1 to 64 letters, digits, ".", "_", "@" or "-".`;
    throw new AfdError('E_USAGE', message, { suggestions: ['afd users add --help'] });
  }
  const session = await context.session();
  const { names } = context;
  if ((await readUser(session, names, name)) !== undefined) taken(name);
  const passwordHash = password === null ? null : await hashOf(name, password);
  await session.ready();
  const add = async () => {
    if (!(await insertUser(session, names, { name, role, passwordHash, by: saidBy(by) }))) taken(name);
    return (await readUser(session, names, name))!;
  };
  return audited({ session, names }, by, add, (after) => ({
    ...{ action: 'users.add', object_type: 'user', object_id: after.name, after },
  }));
}

/** @throws DatabaseError */
export async function allUsers(context: Context): Promise<UserRow[]> {
  return listUsers(await context.session(), context.names, MOST_USERS);
}

/** @throws DatabaseError */
export async function hasAdminUser(context: Context): Promise<boolean> {
  return (await countUsers(await context.session(), context.names, 'admin')) > 0;
}

/**
 * Those who were locked out for this name may try again. `expected`: the user as it is known; `refusal` is thrown where it was changed since.
 * @throws AfdError E_USAGE, E_NOT_FOUND, `refusal`; DatabaseError; what `password` throws
 */
export async function changePassword(
  context: Context,
  name: string,
  password: Password,
  by: Actor,
  expected?: { user: FoundUser; refusal: AfdError },
): Promise<UserRow> {
  if ((await readUser(await context.session(), context.names, name)) === undefined) missing(name);
  const hash = await hashOf(name, password);
  return change(context, name, by, async (session, names) => {
    if (!(await setPassword(session, names, expected?.user ?? { name }, hash)))
      throw expected?.refusal ?? missing(name);
    await deleteFailures(session, names, { name_hash: nameHash(name) });
    return ['users.password'];
  });
}

/** What is left out stays as it is. */
export interface UserChange {
  role?: UserRole | undefined;
  disabled?: boolean | undefined;
  /** Those who were locked out for this name may try again. */
  unlock?: boolean | undefined;
}

export interface Guard {
  /** An administrator who may sign in must remain, as for those who cannot reach the database to add one. */
  keepAdmin: boolean;
}

/** All of it or nothing. @throws AfdError E_NOT_FOUND; E_CONFLICT: no administrator would remain; DatabaseError */
export async function changeUser(
  context: Context,
  name: string,
  { role, disabled, unlock }: UserChange,
  by: Actor,
  { keepAdmin }: Guard = { keepAdmin: false },
): Promise<UserRow> {
  return change(context, name, by, async (session, names) => {
    if (keepAdmin && (disabled === true || (role !== undefined && role !== 'admin')))
      await checkOtherAdmin(context, session, name);
    const acts: AuditAction[] = [];
    if (role !== undefined && (await setRole(session, names, name, role))) acts.push('users.role');
    if (disabled === true && (await disableUser(session, names, name, saidBy(by)))) acts.push('users.disable');
    if (disabled === false && (await enableUser(session, names, name))) acts.push('users.enable');
    if (unlock === true && (await deleteFailures(session, names, { name_hash: nameHash(name) })))
      acts.push('users.unlock');
    return acts;
  });
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export function changeRole(context: Context, name: string, role: UserRole, by: Actor): Promise<UserRow> {
  return changeUser(context, name, { role }, by);
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export function disable(context: Context, name: string, by: Actor): Promise<UserRow> {
  return changeUser(context, name, { disabled: true }, by);
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export function enable(context: Context, name: string, by: Actor): Promise<UserRow> {
  return changeUser(context, name, { disabled: false }, by);
}

/** As the user was. @throws AfdError E_NOT_FOUND; E_CONFLICT: no administrator would remain; DatabaseError */
export async function removeUser(
  context: Context,
  name: string,
  by: Actor,
  { keepAdmin }: Guard = { keepAdmin: false },
): Promise<UserRow> {
  const session = await context.session();
  const { names } = context;
  const remove = async () => {
    if (keepAdmin) await checkOtherAdmin(context, session, name);
    const before = (await readUser(session, names, name)) ?? missing(name);
    if (!(await deleteUser(session, names, name))) missing(name);
    return before;
  };
  return audited({ session, names }, by, remove, (before) => ({
    ...{ action: 'users.remove', object_type: 'user', object_id: before.name, before },
  }));
}

/** `write`: what it did; where it is so already, nothing, and nothing is recorded. */
async function change(
  context: Context,
  name: string,
  by: Actor,
  write: (session: Session, names: TableNames) => Promise<AuditAction[]>,
): Promise<UserRow> {
  const session = await context.session();
  const { names } = context;
  const work = async () => {
    const before = (await readUser(session, names, name)) ?? missing(name);
    const acts = await write(session, names);
    return { before, acts, after: (await readUser(session, names, name)) ?? missing(name) };
  };
  const { after } = await audited({ session, names }, by, work, (one) =>
    one.acts.map((action) => ({
      ...{ action, object_type: 'user', object_id: one.after.name, before: one.before, after: one.after },
    })),
  );
  return after;
}

/** @throws AfdError E_CONFLICT; DatabaseError */
async function checkOtherAdmin({ names, config }: Context, session: Session, name: string): Promise<void> {
  // Without a provider nobody signs in without a password.
  const admins = await lockAdmins(session, names, { passwordless: config.server.oidc.issuer !== undefined });
  const same = (other: string) => other.toLowerCase() === name.toLowerCase();
  if (admins.length !== 1 || !same(admins[0]!)) return;
  const message = `${admins[0]} is the only administrator who may sign in, and stays one: nobody else could manage users here.`;
  throw new AfdError('E_CONFLICT', message, { suggestions: ['afd users add --help', 'afd users role --help'] });
}

/** @throws AfdError E_USAGE */
async function hashOf(name: string, given: Password): Promise<string> {
  if (typeof given === 'object') return given.hash;
  const password = typeof given === 'string' ? given : await given();
  checkPassword(name, password);
  return new PasswordHasher().hash(password);
}

function taken(name: string): never {
  throw new AfdError('E_CONFLICT', `There is a user ${name} already.`, { suggestions: LIST });
}

function missing(name: string): never {
  throw new AfdError('E_NOT_FOUND', `There is no user ${name}.`, { suggestions: LIST });
}
