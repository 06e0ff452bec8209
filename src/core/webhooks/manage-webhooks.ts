// Webhooks as their operators add, see and change them.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { listWebhooks, readWebhook } from '../db/webhooks/webhook-rows.ts';
import {
  deleteWebhook,
  insertWebhook,
  replaceSecret,
  updateWebhook,
  type WebhookValues,
} from '../db/webhooks/write-webhook.ts';
import { type Actor, saidBy } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import type { EventType, Webhook } from '../domain/webhook.ts';
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

/** @throws DatabaseError */
export async function webhooks(context: Context): Promise<Webhook[]> {
  return listWebhooks(await context.session(), context.names);
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function webhook(context: Context, id: number): Promise<Webhook> {
  return (await readWebhook(await context.session(), context.names, id)) ?? missing(id);
}

/** The secret is not shown again. @throws AfdError E_USAGE, E_CONFLICT when there are too many; DatabaseError */
export async function addWebhook(
  context: Context,
  given: NewWebhook,
  by: Actor,
): Promise<{ webhook: Webhook; secret: string }> {
  checkUrl(context, given.url);
  const secret = given.secret ?? newSecret();
  checkSecret(secret);
  const session = await context.session();
  const { names } = context;
  const add = async () => {
    const id = await insertWebhook(session, names, { ...given, secret, by: saidBy(by) }, MOST_WEBHOOKS);
    return id === undefined ? undefined : readWebhook(session, names, id);
  };
  const added = await audited({ session, names }, by, add, (after) => after && entry('add', after.id, { after }));
  if (added !== undefined) return { webhook: added, secret };
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

/** @throws AfdError E_NOT_FOUND, E_USAGE; DatabaseError */
export async function changeSecret(
  context: Context,
  id: number,
  given: string | undefined,
  by: Actor,
): Promise<{ webhook: Webhook; secret: string }> {
  const secret = given ?? newSecret();
  checkSecret(secret);
  const session = await context.session();
  const { names } = context;
  const replace = async () => {
    if (!(await replaceSecret(session, names, { id, secret, hours: FORMER_SECRET_HOURS }))) missing(id);
  };
  await audited({ session, names }, by, replace, () => entry('secret', id, {}));
  return { webhook: await webhook(context, id), secret };
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
