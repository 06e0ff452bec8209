// What was sent to a webhook, and what became of it.

import type { Delivery } from '../../core/domain/webhook.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import {
  deliveries,
  delivery,
  redeliver,
  type ShownDelivery,
  testWebhook,
} from '../../core/webhooks/webhook-deliveries.ts';
import {
  deliveriesAnswer,
  deliveriesQuery,
  deliveryAnswer,
  deliveryParams,
  webhookParams,
} from '../../http/webhook-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { callerOf, envelope } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

const tags = ['webhooks'] as const;

export function webhookDeliveryRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/webhooks/:webhook_id/test',
    schema: {
      operationId: 'testWebhook',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Send an event `webhook.test`, to see whether it arrives.',
      description: 'The leader sends it within seconds; the delivery says what became of it.',
      tags,
      params: webhookParams,
      response: { 200: deliveryAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const now = await context.now();
        const sent = await testWebhook(context, request.params.webhook_id, { now, by: callerOf(request) });
        return { delivery: whole(sent), ...envelope(request, now) };
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/webhooks/:webhook_id/deliveries',
    schema: {
      operationId: 'listDeliveries',
      problems: ['E_NOT_FOUND'],
      summary: 'List the deliveries of a webhook, newest first.',
      tags,
      params: webhookParams,
      querystring: deliveriesQuery,
      response: { 200: deliveriesAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { status, cursor, limit } = request.query;
      return gateway.requests.use(async (context) => {
        const page = await deliveries(context, request.params.webhook_id, { status, cursor, limit });
        const rows = page.deliveries.map(wire);
        return { deliveries: rows, cursor: page.cursor, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/webhooks/:webhook_id/deliveries/:delivery_id',
    schema: {
      operationId: 'showDelivery',
      problems: ['E_NOT_FOUND'],
      summary: 'Show a delivery with what is sent.',
      tags,
      params: deliveryParams,
      response: { 200: deliveryAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { webhook_id, delivery_id } = request.params;
      return gateway.requests.use(async (context) => {
        const found = await delivery(context, webhook_id, delivery_id);
        return { delivery: whole(found), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/webhooks/:webhook_id/deliveries/:delivery_id/redeliver',
    schema: {
      operationId: 'redeliver',
      problems: ['E_NOT_FOUND'],
      summary: 'Send a delivery again, with all its tries.',
      description: 'Its header `webhook-id` is the same as before. One that is pending is left as it is.',
      tags,
      params: deliveryParams,
      response: { 200: deliveryAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { webhook_id, delivery_id } = request.params;
      return gateway.requests.use(async (context) => {
        const again = await redeliver(context, webhook_id, delivery_id, callerOf(request));
        return { delivery: whole(again), ...envelope(request, await context.now()) };
      });
    },
  });
}

function wire({ id, task_id, batch_id, ...rest }: Delivery) {
  const text = (given: number | null) => (given === null ? null : String(given));
  return { delivery_id: String(id), task_id: text(task_id), batch_id: text(batch_id), ...rest };
}

function whole(one: ShownDelivery) {
  return { ...wire(one), message_id: `msg_${one.id}`, body: one.body };
}
