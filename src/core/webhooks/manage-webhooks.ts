// Webhooks as their operators add, see and change them.
import type { Context } from '../context/context.ts';
import { transaction } from '../db/transaction.ts';
import { listWebhooks, readWebhook } from '../db/webhooks/webhook-rows.ts';
import {
  deleteWebhook,
  insertWebhook,
  replaceSecret,
  updateWebhook,
  type WebhookValues,
} from '../db/webhooks/write-webhook.ts';
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
  by: string,
): Promise<{ webhook: Webhook; secret: string }> {
  checkUrl(context, given.url);
  const secret = given.secret ?? newSecret();
  checkSecret(secret);
  const session = await context.session();
  const added = await transaction(session, async () => {
    const id = await insertWebhook(session, context.names, { ...given, secret, by }, MOST_WEBHOOKS);
    return id === undefined ? undefined : readWebhook(session, context.names, id);
  });
  if (added !== undefined) return { webhook: added, secret };
  throw new AfdError('E_CONFLICT', `There are ${MOST_WEBHOOKS} webhooks already. Remove one of them first.`);
}

/** What is undefined stays. @throws AfdError E_NOT_FOUND, E_USAGE; DatabaseError */
export async function changeWebhook(context: Context, id: number, values: WebhookValues): Promise<Webhook> {
  if (values.url !== undefined) checkUrl(context, values.url);
  const session = await context.session();
  const changed = await transaction(session, async () => {
    const there = await updateWebhook(session, context.names, id, values);
    return there ? readWebhook(session, context.names, id) : undefined;
  });
  return changed ?? missing(id);
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function removeWebhook(context: Context, id: number): Promise<void> {
  if (!(await deleteWebhook(await context.session(), context.names, id))) missing(id);
}

/** @throws AfdError E_NOT_FOUND, E_USAGE; DatabaseError */
export async function changeSecret(
  context: Context,
  id: number,
  given: string | undefined,
): Promise<{ webhook: Webhook; secret: string }> {
  const secret = given ?? newSecret();
  checkSecret(secret);
  const session = await context.session();
  if (!(await replaceSecret(session, context.names, { id, secret, hours: FORMER_SECRET_HOURS }))) missing(id);
  return { webhook: await webhook(context, id), secret };
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
