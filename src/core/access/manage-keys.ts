// API keys as their administrators make, see and end them.
import type { Context } from '../context/context.ts';
import {
  countActive,
  endKeyWithin,
  insertKey,
  type KeyRow,
  listKeys,
  readKey,
  revokeKey,
} from '../db/access/api-keys.ts';
import { transaction } from '../db/transaction.ts';
import type { Role } from '../domain/access/role.ts';
import { AfdError } from '../domain/errors.ts';
import { newApiKey } from './api-key.ts';

export type { KeyRow };

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
export async function makeKey(context: Context, given: NewKey, by: string): Promise<MadeKey> {
  const { name, role, device_id, lifetimeS } = given;
  if (name.trim() === '' || name.length > 128)
    throw new AfdError('E_USAGE', 'The name of a key has 1 to 128 characters.');
  if (device_id !== null && role !== 'device')
    throw new AfdError('E_USAGE', `A key for one device has the role device, not ${role}.`);
  if (lifetimeS < 1 || lifetimeS > LONGEST_LIFETIME_S)
    throw new AfdError('E_USAGE', `A key is valid for 1 second to ${LONGEST_LIFETIME_S / DAY_S} days.`);
  const session = await context.session();
  const { text, id, hash } = newApiKey();
  const row = { key_id: id, hash, name, role, device_id, lifetime_s: Math.round(lifetimeS), by };
  await insertKey(session, context.names, row);
  return { key: (await readKey(session, context.names, id))!, text };
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
export async function endKey(context: Context, keyId: string, by: string): Promise<KeyRow> {
  const session = await context.session();
  await revokeKey(session, context.names, keyId, by);
  return (await readKey(session, context.names, keyId)) ?? missing(keyId);
}

/**
 * Another key with the same name, role and device, and the length of the old one's life; the old one stays valid for `overlapS`.
 * @throws AfdError E_NOT_FOUND; E_CONFLICT when it is not active; E_USAGE; DatabaseError
 */
export async function rotateKey(
  context: Context,
  keyId: string,
  { overlapS, lifetimeS }: { overlapS: number; lifetimeS: number },
  by: string,
): Promise<MadeKey & { old: KeyRow }> {
  if (overlapS < 0 || overlapS > LONGEST_OVERLAP_S)
    throw new AfdError('E_USAGE', `Both keys are valid for at most ${LONGEST_OVERLAP_S / DAY_S} days.`);
  const session = await context.session();
  const made = await transaction(session, async () => {
    const before = (await readKey(session, context.names, keyId)) ?? missing(keyId);
    if (!(await endKeyWithin(session, context.names, keyId, Math.round(overlapS)))) return undefined;
    const { name, role, device_id } = before;
    return makeKey(context, { name, role, device_id, lifetimeS }, by);
  });
  if (made === undefined) throw new AfdError('E_CONFLICT', `The key ${keyId} is not active.`, { suggestions: LIST });
  return { ...made, old: (await readKey(session, context.names, keyId)) ?? missing(keyId) };
}

function missing(keyId: string): never {
  throw new AfdError('E_NOT_FOUND', `There is no key ${keyId}.`, { suggestions: LIST });
}
