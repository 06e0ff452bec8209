// Users as their administrators add, change and remove them. Whatever changes what a user may do ends the user's sessions.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { deleteFailures } from '../db/access/login-failures.ts';
import {
  countUsers,
  deleteUser,
  disableUser,
  enableUser,
  insertUser,
  listUsers,
  readUser,
  setPassword,
  setRole,
  type UserRow,
} from '../db/access/users.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { UserRole } from '../domain/access/role.ts';
import { refusedPassword, USER_NAME } from '../domain/access/user-name.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditAction } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import { nameHash } from './log-in.ts';
import { PasswordHasher } from './password-hash.ts';

export type { UserRow };

/** Users of one list. */
const MOST_USERS = 1000;
const LIST = ['afd users ls'];

/** Asked for when nothing else is in the way. */
type Password = string | (() => Promise<string>);

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

/** Those who were locked out for this name may try again. @throws AfdError E_USAGE, E_NOT_FOUND; DatabaseError; what `password` throws */
export async function changePassword(context: Context, name: string, password: Password, by: Actor): Promise<UserRow> {
  if ((await readUser(await context.session(), context.names, name)) === undefined) missing(name);
  const hash = await hashOf(name, password);
  return change(context, name, by, 'users.password', async (session, names) => {
    await deleteFailures(session, names, { name_hash: nameHash(name) });
    return setPassword(session, names, name, hash);
  });
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function changeRole(context: Context, name: string, role: UserRole, by: Actor): Promise<UserRow> {
  return change(context, name, by, 'users.role', (session, names) => setRole(session, names, name, role));
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function disable(context: Context, name: string, by: Actor): Promise<UserRow> {
  return change(context, name, by, 'users.disable', (session, names) => disableUser(session, names, name, saidBy(by)));
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function enable(context: Context, name: string, by: Actor): Promise<UserRow> {
  return change(context, name, by, 'users.enable', (session, names) => enableUser(session, names, name));
}

/** As the user was. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function removeUser(context: Context, name: string, by: Actor): Promise<UserRow> {
  const session = await context.session();
  const { names } = context;
  const remove = async () => {
    const before = (await readUser(session, names, name)) ?? missing(name);
    if (!(await deleteUser(session, names, name))) missing(name);
    return before;
  };
  return audited({ session, names }, by, remove, (before) => ({
    ...{ action: 'users.remove', object_type: 'user', object_id: before.name, before },
  }));
}

/** `write`: false = it is so already, and nothing is recorded. */
async function change(
  context: Context,
  name: string,
  by: Actor,
  action: AuditAction,
  write: (session: Session, names: TableNames) => Promise<boolean>,
): Promise<UserRow> {
  const session = await context.session();
  const { names } = context;
  const work = async () => {
    const before = (await readUser(session, names, name)) ?? missing(name);
    const changed = await write(session, names);
    return { before, changed, after: (await readUser(session, names, name)) ?? missing(name) };
  };
  const { after } = await audited({ session, names }, by, work, (one) =>
    one.changed
      ? { action, object_type: 'user', object_id: one.after.name, before: one.before, after: one.after }
      : undefined,
  );
  return after;
}

/** @throws AfdError E_USAGE */
async function hashOf(name: string, given: Password): Promise<string> {
  const password = typeof given === 'string' ? given : await given();
  const refused = refusedPassword(name, password);
  if (refused !== undefined) throw new AfdError('E_USAGE', refused);
  return new PasswordHasher().hash(password);
}

function taken(name: string): never {
  throw new AfdError('E_CONFLICT', `There is a user ${name} already.`, { suggestions: LIST });
}

function missing(name: string): never {
  throw new AfdError('E_NOT_FOUND', `There is no user ${name}.`, { suggestions: LIST });
}
