import * as hooks from '../webhook-contract.ts';
import { operation } from './operation.ts';

const one = { path: '/api/v1/webhooks/{webhook_id}', params: hooks.webhookParams } as const;
const delivery = {
  path: '/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}',
  params: hooks.deliveryParams,
} as const;

export const WEBHOOK_OPERATIONS = {
  addWebhook: operation({
    method: 'POST',
    path: '/api/v1/webhooks',
    body: hooks.newWebhookBody,
    answer: hooks.secretAnswer,
  }),
  listWebhooks: operation({ method: 'GET', path: '/api/v1/webhooks', answer: hooks.webhooksAnswer }),
  showWebhook: operation({ method: 'GET', ...one, answer: hooks.webhookAnswer }),
  changeWebhook: operation({ method: 'PATCH', ...one, body: hooks.webhookChange, answer: hooks.changedAnswer }),
  removeWebhook: operation({ method: 'DELETE', ...one, answer: hooks.removedAnswer, repeatable: false }),
  changeWebhookSecret: operation({
    method: 'POST',
    path: '/api/v1/webhooks/{webhook_id}/secret',
    params: hooks.webhookParams,
    body: hooks.secretBody.prefault({}),
    answer: hooks.secretAnswer,
  }),
  testWebhook: operation({
    method: 'POST',
    path: '/api/v1/webhooks/{webhook_id}/test',
    params: hooks.webhookParams,
    answer: hooks.deliveryAnswer,
  }),
  listDeliveries: operation({
    method: 'GET',
    path: '/api/v1/webhooks/{webhook_id}/deliveries',
    params: hooks.webhookParams,
    query: hooks.deliveriesQuery,
    answer: hooks.deliveriesAnswer,
    rows: 'deliveries',
  }),
  showDelivery: operation({ method: 'GET', ...delivery, answer: hooks.deliveryAnswer }),
  redeliver: operation({
    method: 'POST',
    path: '/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver',
    params: hooks.deliveryParams,
    answer: hooks.deliveryAnswer,
  }),
};
