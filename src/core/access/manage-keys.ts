// API keys as their administrators make, see and end them.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import {
  countActive,
  endKeyWithin,
  firstKeyId,
  insertKey,
  type KeyRow,
  type KnownKey,
  listKeys,
  readKey,
  revokeKey,
} from '../db/access/api-keys.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { Role } from '../domain/access/role.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import { newApiKey } from './api-key.ts';

export type { KeyRow, KnownKey };

const DAY_S = 86_400;
export const DEFAULT_LIFETIME_S = 90 * DAY_S;
export const LONGEST_LIFETIME_S = 365 * DAY_S;
export const DEFAULT_OVERLAP_S = DAY_S;
export const LONGEST_OVERLAP_S = 30 * DAY_S;
/** Keys of one list. */
export const MOST_KEYS = 1000;
const LIST = ['afd keys ls'];

export interface NewKey {
  name: string;
  role: Role;
  device_id: string | null;
  lifetimeS: number;
}

/** `text` is shown this once: the database has only its hash. */
export interface MadeKey {
  key: KeyRow;
  text: string;
}

/** @throws AfdError E_USAGE; DatabaseError */
export async function makeKey(context: Context, given: NewKey, by: Actor): Promise<MadeKey> {
  const { name, role, device_id, lifetimeS } = given;
  if (name.trim() === '' || name.length > 128)
    throw new AfdError('E_USAGE', 'The name of a key has 1 to 128 characters.');
  if (device_id !== null && role !== 'device')
    throw new AfdError('E_USAGE', `A key for one device has the role device, not ${role}.`);
  checkLifetime(lifetimeS);
  const session = await context.session();
  const made = () => insert(session, context.names, given, by);
  return audited({ session, names: context.names }, by, made, ({ key }) =>
    entry('keys.create', key.key_id, { after: key }),
  );
}

/** Inside a transaction. `firstKeyId`: of the keys that it replaces. */
async function insert(
  session: Session,
  names: TableNames,
  given: NewKey & { firstKeyId?: string | undefined },
  by: Actor,
): Promise<MadeKey> {
  const { name, role, device_id, lifetimeS } = given;
  const { text, id, hash } = newApiKey();
  const lifetime_s = Math.round(lifetimeS);
  const first_key_id = given.firstKeyId ?? null;
  await insertKey(session, names, {
    key_id: id,
    hash,
    name,
    role,
    device_id,
    first_key_id,
    lifetime_s,
    by: saidBy(by),
  });
  return { key: (await readKey(session, names, id))!, text };
}

/** @throws DatabaseError */
export async function allKeys(context: Context): Promise<KeyRow[]> {
  return listKeys(await context.session(), context.names, MOST_KEYS);
}

/** Without one nobody can change settings, webhooks and keys over HTTP. @throws DatabaseError */
export async function hasAdmin(context: Context): Promise<boolean> {
  return (await countActive(await context.session(), context.names, 'admin')) > 0;
}

/** It is refused within seconds. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function endKey(context: Context, keyId: string, by: Actor): Promise<KeyRow> {
  const session = await context.session();
  const { names } = context;
  const end = async () => {
    const before = (await readKey(session, names, keyId)) ?? missing(keyId);
    const ended = await revokeKey(session, names, keyId, saidBy(by));
    return { before, ended, after: (await readKey(session, names, keyId))! };
  };
  const { after } = await audited({ session, names }, by, end, (one) =>
    one.ended ? entry('keys.revoke', keyId, { before: one.before, after: one.after }) : undefined,
  );
  return after;
}

/**
 * Another key with the same name, role and device, and the length of the old one's life; the old one stays valid for `overlapS`. What a
 * submitter added with the old one is the new one's too.
 * @throws AfdError E_NOT_FOUND; E_CONFLICT when it is not active; E_USAGE; DatabaseError
 */
export async function rotateKey(
  context: Context,
  keyId: string,
  { overlapS, lifetimeS }: { overlapS: number; lifetimeS: number },
  by: Actor,
): Promise<MadeKey & { old: KeyRow }> {
  if (overlapS < 0 || overlapS > LONGEST_OVERLAP_S)
    throw new AfdError('E_USAGE', `Both keys are valid for at most ${LONGEST_OVERLAP_S / DAY_S} days.`);
  checkLifetime(lifetimeS);
  const session = await context.session();
  const { names } = context;
  const rotate = async () => {
    const before = (await readKey(session, names, keyId)) ?? missing(keyId);
    if (!(await endKeyWithin(session, names, keyId, Math.round(overlapS))))
      throw new AfdError('E_CONFLICT', `The key ${keyId} is not active.`, { suggestions: LIST });
    const { name, role, device_id } = before;
    const first = await firstKeyId(session, names, keyId);
    const made = await insert(session, names, { name, role, device_id, lifetimeS, firstKeyId: first }, by);
    return { made, before, old: (await readKey(session, names, keyId))! };
  };
  const { made, old } = await audited({ session, names }, by, rotate, (one) => [
    entry('keys.rotate', keyId, { before: one.before, after: one.old }),
    entry('keys.create', one.made.key.key_id, { after: one.made.key }),
  ]);
  return { ...made, old };
}

function checkLifetime(lifetimeS: number): void {
  if (lifetimeS < 1 || lifetimeS > LONGEST_LIFETIME_S)
    throw new AfdError('E_USAGE', `A key is valid for 1 second to ${LONGEST_LIFETIME_S / DAY_S} days.`);
}

function entry(
  action: 'keys.create' | 'keys.rotate' | 'keys.revoke',
  keyId: string,
  changed: Pick<AuditEntry, 'before' | 'after'>,
): AuditEntry {
  return { action, object_type: 'key', object_id: keyId, ...changed };
}

function missing(keyId: string): never {
  throw new AfdError('E_NOT_FOUND', `There is no key ${keyId}.`, { suggestions: LIST });
}
