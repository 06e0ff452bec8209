// What an operator does with secrets. Nothing here returns a value.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { changeGrants } from '../db/secrets/change-grants.ts';
import { deleteSecret } from '../db/secrets/delete-secret.ts';
import { listSecrets, type SecretFacts, type SecretGrant } from '../db/secrets/list-secrets.ts';
import { readSecret } from '../db/secrets/read-secret.ts';
import { EVERY } from '../db/secrets/read-secrets.ts';
import { writeSecret } from '../db/secrets/write-secret.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import { SHORTEST_SECRET } from '../domain/redaction/secret-mask.ts';
import { shortLeaves } from '../domain/redaction/secret-texts.ts';
import { jsonSnapshot } from '../domain/text/json-snapshot.ts';
import { seal } from './envelope.ts';
import { Keyring } from './keyring.ts';
import { isSecretName } from './references.ts';

export type { SecretFacts, SecretGrant };

/** Bytes of a value as JSON. */
export const SECRET_BYTES = 65_536;
const LIST = ['afd secrets ls'];

export interface StoredSecret {
  name: string;
  version: number;
  key_id: string;
  /** Members that are too short to be masked; '' = the value itself. */
  unmasked: string[];
}

/**
 * Stores a value as the next version, with a new data key. Of two that write at once, both are stored, one after the other. `value`
 * is asked for when everything else is there.
 * @throws AfdError E_USAGE, E_CONFIG; DatabaseError; what `value` throws
 */
export async function setSecret(
  context: Context,
  { name, value, by }: { name: string; value(): Promise<unknown>; by: Actor },
): Promise<StoredSecret> {
  checkName(name);
  const session = await context.session();
  const key = await Keyring.of(context.resolved).newest();
  const checked = checkValue(name, await value());
  const unmasked = shortLeaves(checked);
  // A user who types may take longer than an idle session lasts.
  await session.ready();
  for (;;) {
    const before = await readSecret(session, context.names, name);
    const version = (before?.version ?? 0) + 1;
    const row = { name, version, ...seal(key, { name, version }, checked) };
    const write = () => writeSecret(session, context.names, row, saidBy(by));
    const versions = {
      before: before && { version: before.version, key_id: before.key_id },
      after: { version, key_id: key.id },
    };
    if (
      await audited({ session, names: context.names }, by, write, (done) =>
        done ? entry('set', name, versions) : undefined,
      )
    )
      return { name, version, key_id: key.id, unmasked };
  }
}

/** By name. @throws DatabaseError */
export async function allSecrets(context: Context): Promise<SecretFacts[]> {
  return listSecrets(await context.session(), context.names);
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function removeSecret(context: Context, name: string, by: Actor): Promise<void> {
  checkName(name);
  const session = await context.session();
  const { names } = context;
  const remove = async () => {
    const before = (await readSecret(session, names, name)) ?? missing(name);
    if (!(await deleteSecret(session, names, name))) missing(name);
    return { version: before.version, key_id: before.key_id };
  };
  await audited({ session, names }, by, remove, (before) => entry('remove', name, { before }));
}

export interface GrantedSecret {
  name: string;
  grants: SecretGrant[];
  /** They were taken back. */
  revoked: boolean;
}

/**
 * Lets tasks of these types use a secret, on these devices ('*' = every one), or takes that back.
 * @throws AfdError E_NOT_FOUND: there is no such secret, or nothing to take back; E_USAGE; DatabaseError
 */
export async function grantSecret(
  context: Context,
  asked: { name: string; task_types: string[]; device_ids: string[]; revoke: boolean; by: Actor },
): Promise<GrantedSecret> {
  const { name, task_types, device_ids, revoke, by } = asked;
  checkName(name);
  const session = await context.session();
  if (task_types.length === 0)
    throw new AfdError('E_USAGE', 'Which tasks? Give --task-type TYPE or --all-task-types.', {
      suggestions: ['afd secrets grant --help'],
    });
  const devices = device_ids.length === 0 ? [EVERY] : device_ids;
  const grants = task_types.flatMap((task_type) => devices.map((device_id) => ({ task_type, device_id })));
  const change = () => changeGrants(session, context.names, name, { grants, revoke, by: saidBy(by) });
  const changed = await audited({ session, names: context.names }, by, change, (n) => {
    if (n === undefined || n === 0) return undefined;
    return revoke ? entry('ungrant', name, { before: { grants } }) : entry('grant', name, { after: { grants } });
  });
  if (changed === undefined) missing(name);
  if (changed === 0) throw new AfdError('E_NOT_FOUND', `${name} has no such grant.`, { suggestions: LIST });
  return { name, grants, revoked: revoke };
}

/** A copy of it. @throws AfdError E_USAGE */
function checkValue(name: string, value: unknown): unknown {
  const snapshot = jsonSnapshot(value, SECRET_BYTES);
  if ('problem' in snapshot) throw new AfdError('E_USAGE', `The value of ${name} ${snapshot.problem}.`);
  if (!shortLeaves(snapshot.value).includes('')) return snapshot.value;
  const why = `has fewer than ${SHORTEST_SECRET} characters, so it could not be masked in logs`;
  throw new AfdError('E_USAGE', `The value of ${name} ${why}. Use a longer one, or JSON with --format json.`);
}

function checkName(name: string): void {
  if (isSecretName(name)) return;
  throw new AfdError(
    'E_USAGE',
    'The name of a secret has up to 128 letters, digits, ".", "_", "/" and "-", and begins with a letter or digit.',
  );
}

/** Without their values, whose hashes could be guessed from. */
function entry(
  act: 'set' | 'remove' | 'grant' | 'ungrant',
  name: string,
  changed: Pick<AuditEntry, 'before' | 'after'>,
): AuditEntry {
  return { action: `secrets.${act}`, object_type: 'secret', object_id: name, ...changed };
}

function missing(name: string): never {
  throw new AfdError('E_NOT_FOUND', `There is no secret ${name}.`, { suggestions: LIST, data: { name } });
}
