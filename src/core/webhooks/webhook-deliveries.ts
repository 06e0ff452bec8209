// The delivery log of a webhook.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { insertDeliveries, sendAgain } from '../db/webhooks/deliveries.ts';
import { listDeliveries, readDelivery } from '../db/webhooks/read-deliveries.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import { type Delivery, type DeliveryStatus, TEST_EVENT } from '../domain/webhook.ts';
import { CursorOf, isId } from '../paging/cursor.ts';
import { webhook } from './manage-webhooks.ts';

export type ShownDelivery = Delivery & { body: string };

/** Newest first. @throws AfdError E_NOT_FOUND, E_USAGE for a cursor of another list; DatabaseError */
export async function deliveries(
  context: Context,
  id: number,
  { status, cursor, limit }: { status: DeliveryStatus | undefined; cursor: string | undefined; limit: number },
): Promise<{ deliveries: Delivery[]; cursor: string | null }> {
  await webhook(context, id);
  const places = new CursorOf<number>('deliveries', { id, status: status ?? null }, isId);
  const before = places.decode(cursor) ?? Number.MAX_SAFE_INTEGER;
  const session = await context.session();
  const some = status === undefined ? {} : { status };
  const rows = await listDeliveries(session, context.names, { webhookId: id, ...some, before, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  return { deliveries: shown, cursor: rows.length > limit ? places.encode(shown.at(-1)!.id) : null };
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function delivery(context: Context, id: number, deliveryId: number): Promise<ShownDelivery> {
  const found = await readDelivery(await context.session(), context.names, id, deliveryId);
  if (found === undefined) throw new AfdError('E_NOT_FOUND', `Webhook ${id} has no delivery ${deliveryId}.`);
  return found;
}

/** With its whole budget of tries. One that is pending is left as it is. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function redeliver(context: Context, id: number, deliveryId: number, by: Actor): Promise<ShownDelivery> {
  const session = await context.session();
  const { names } = context;
  const again = () => sendAgain(session, names, id, deliveryId);
  await audited({ session, names }, by, again, (sent) => (sent ? entry('redeliver', id, deliveryId) : undefined));
  return delivery(context, id, deliveryId);
}

/** Sends an event of no task. @throws AfdError E_NOT_FOUND; E_CONFLICT when the webhook is not active; DatabaseError */
export async function testWebhook(
  context: Context,
  id: number,
  { now, by }: { now: string; by: Actor },
): Promise<ShownDelivery> {
  const { active } = await webhook(context, id);
  if (!active) throw new AfdError('E_CONFLICT', `Webhook ${id} is not active, so nothing is sent to it.`);
  const body = JSON.stringify({ type: TEST_EVENT, timestamp: now, data: { webhook_id: String(id) } });
  const none = { source_id: null, task_id: null };
  const test = { webhook_id: id, source: 'test', event_type: TEST_EVENT, body, ...none } as const;
  const session = await context.session();
  const { names } = context;
  const add = () => insertDeliveries(session, names, [test]);
  const added = await audited({ session, names }, by, add, (one) =>
    one.written === 0 ? undefined : entry('test', id, one.id),
  );
  return delivery(context, id, added.id);
}

function entry(act: 'test' | 'redeliver', id: number, delivery_id: number): AuditEntry {
  return { action: `webhooks.${act}`, object_type: 'webhook', object_id: String(id), after: { delivery_id } };
}
