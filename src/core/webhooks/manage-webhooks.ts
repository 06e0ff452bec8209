// Webhooks as their operators add, see and change them.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import type { Session } from '../db/session.ts';
import { replaceSigning, signingRow } from '../db/webhooks/signing-rows.ts';
import { listWebhooks, readWebhook } from '../db/webhooks/webhook-rows.ts';
import { deleteWebhook, insertWebhook, updateWebhook, type WebhookValues } from '../db/webhooks/write-webhook.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import type { EventType, Webhook } from '../domain/webhook.ts';
import type { FleetKey } from '../secrets/fleet-key.ts';
import { Keyring } from '../secrets/keyring.ts';
import { openSigning, signingKeyId, storedSigning } from '../secrets/signing-secret.ts';
import { networksOf } from './send/allowed-address.ts';
import { isSecret, newSecret } from './send/signature.ts';
import { urlProblem } from './send/webhook-url.ts';

export const MOST_WEBHOOKS = 100;
/** After a change of the secret, deliveries are signed with the former one too, for this number of hours. */
export const FORMER_SECRET_HOURS = 24;

export interface NewWebhook {
  url: string;
  description: string | null;
  event_types: EventType[];
  task_types: string[] | null;
  /** Undefined = one is made. */
  secret: string | undefined;
}

export interface WithSecret {
  webhook: Webhook;
  /** It is not shown again. */
  secret: string;
  /** Sentences for an operator. */
  warnings: string[];
}

/** @throws DatabaseError */
export async function webhooks(context: Context): Promise<Webhook[]> {
  return listWebhooks(await context.session(), context.names);
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function webhook(context: Context, id: number): Promise<Webhook> {
  return (await readWebhook(await context.session(), context.names, id)) ?? missing(id);
}

/** Writes something more in the transaction that adds a webhook, which may be repeated. */
export type AlsoWrite = ((session: Session, added: WithSecret) => Promise<void>) | undefined;

/** @throws AfdError E_USAGE; E_CONFLICT when there are too many; E_CONFIG: the key for secrets cannot be read; DatabaseError */
export async function addWebhook(
  context: Context,
  given: NewWebhook,
  by: Actor,
  also?: AlsoWrite,
): Promise<WithSecret> {
  checkUrl(context, given.url);
  const secret = given.secret ?? newSecret();
  checkSecret(secret);
  const key = await Keyring.of(context.resolved).newestIfAny();
  const session = await context.session();
  const { names } = context;
  const secretOf = (id: number) => storedSigning(key, { id, version: 1 }, secret);
  const add = async () => {
    const id = await insertWebhook(session, names, { ...given, secretOf, by: saidBy(by) }, MOST_WEBHOOKS);
    const webhook = id === undefined ? undefined : await readWebhook(session, names, id);
    const done = webhook && { webhook, secret, warnings: warningsOf(key) };
    if (done !== undefined) await also?.(session, done);
    return done;
  };
  const row = (done: WithSecret | undefined) => done && entry('add', done.webhook.id, { after: done.webhook });
  const added = await audited({ session, names }, by, add, row);
  if (added !== undefined) return added;
  throw new AfdError('E_CONFLICT', `There are ${MOST_WEBHOOKS} webhooks already. Remove one of them first.`);
}

/** What is undefined stays. @throws AfdError E_NOT_FOUND, E_USAGE; DatabaseError */
export async function changeWebhook(context: Context, id: number, values: WebhookValues, by: Actor): Promise<Webhook> {
  if (values.url !== undefined) checkUrl(context, values.url);
  const session = await context.session();
  const { names } = context;
  const change = async () => {
    const before = (await readWebhook(session, names, id)) ?? missing(id);
    if (!(await updateWebhook(session, names, id, values))) missing(id);
    return { before, after: (await readWebhook(session, names, id)) ?? missing(id) };
  };
  return (await audited({ session, names }, by, change, (both) => entry('change', id, both))).after;
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function removeWebhook(context: Context, id: number, by: Actor): Promise<void> {
  const session = await context.session();
  const { names } = context;
  const remove = async () => {
    const before = (await readWebhook(session, names, id)) ?? missing(id);
    if (!(await deleteWebhook(session, names, id))) missing(id);
    return before;
  };
  await audited({ session, names }, by, remove, (before) => entry('remove', id, { before }));
}

/**
 * The secret that a webhook was added with, for the answer to a repeated request: it is kept nowhere but in the row.
 * @throws AfdError E_CONFLICT: it has another one since, or is removed; E_CONFIG: it does not open here; DatabaseError
 */
export async function firstSecret(context: Context, id: number): Promise<string> {
  const row = await signingRow(await context.session(), context.names, id, { lock: false });
  if (row?.version !== 1) {
    const since = row === undefined ? 'is removed' : 'has another secret';
    throw new AfdError('E_CONFLICT', `This request has added webhook ${id}, which ${since} since.`);
  }
  const opened = await openSigning(Keyring.of(context.resolved), row, row.secret);
  if ('problem' in opened) throw new AfdError('E_CONFIG', opened.problem);
  return opened.secret;
}

/** @throws AfdError E_NOT_FOUND, E_USAGE; E_CONFIG: the key for secrets cannot be read; DatabaseError */
export async function changeSecret(
  context: Context,
  id: number,
  given: string | undefined,
  by: Actor,
): Promise<WithSecret> {
  const secret = given ?? newSecret();
  checkSecret(secret);
  const key = await Keyring.of(context.resolved).newestIfAny();
  const session = await context.session();
  const { names } = context;
  const replace = async () => {
    const before = (await signingRow(session, names, id, { lock: true })) ?? missing(id);
    const plain = signingKeyId(before.secret) === null;
    const former = plain ? storedSigning(key, before, before.secret) : before.secret;
    const version = before.version + 1;
    const stored = storedSigning(key, { id, version }, secret);
    await replaceSigning(session, names, { id, version, secret: stored, former }, FORMER_SECRET_HOURS);
  };
  await audited({ session, names }, by, replace, () => entry('secret', id, {}));
  return { webhook: await webhook(context, id), secret, warnings: warningsOf(key) };
}

function warningsOf(key: FleetKey | undefined): string[] {
  if (key !== undefined) return [];
  const mend =
    'make one with "afd secrets key afd-secrets.key", write "secrets: { key_file: afd-secrets.key }" in the afd.yaml of gateways and leaders, and run "afd secrets rotate"';
  return [`The signing secret is stored as it is, because this machine has no key for secrets: ${mend}.`];
}

function entry(
  act: 'add' | 'change' | 'remove' | 'secret',
  id: number,
  changed: Pick<AuditEntry, 'before' | 'after'>,
): AuditEntry {
  return { action: `webhooks.${act}`, object_type: 'webhook', object_id: String(id), ...changed };
}

/** @throws AfdError E_NOT_FOUND */
export function missing(id: number): never {
  throw new AfdError('E_NOT_FOUND', `There is no webhook ${id}.`);
}

function checkUrl({ config }: Context, url: string): void {
  const problem = urlProblem(url, networksOf(config.master.webhook_networks));
  if (problem !== undefined) throw new AfdError('E_USAGE', `The URL ${problem}.`);
}

function checkSecret(secret: string): void {
  if (!isSecret(secret))
    throw new AfdError('E_USAGE', 'The secret must be "whsec_" followed by 24 to 64 bytes in base64.');
}
