// Where the ends of tasks are sent.

import type { Webhook } from '../../core/domain/webhook.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import type { Keep } from '../../core/gateway/idempotency.ts';
import {
  type AlsoWrite,
  addWebhook,
  changeSecret,
  changeWebhook,
  firstSecret,
  removeWebhook,
  type WithSecret,
  webhook,
  webhooks,
} from '../../core/webhooks/manage-webhooks.ts';
import {
  changedAnswer,
  newWebhookBody,
  removedAnswer,
  secretAnswer,
  secretBody,
  webhookAnswer,
  webhookChange,
  webhookParams,
  webhooksAnswer,
} from '../../http/webhook-contract.ts';
import { onceByKey } from '../hooks/idempotency-key.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { bodyOrNone, caller, callerOf, envelope } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

const ONE = { url: '/api/v1/webhooks/:webhook_id', serializerCompiler: plainJson };
const tags = ['webhooks'] as const;

interface KeptWebhook {
  webhook: ReturnType<typeof wire>;
  warnings: string[];
  now: string;
}

export function webhookRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/webhooks',
    schema: {
      operationId: 'addWebhook',
      problems: ['E_CONFLICT'],
      summary: 'Add a webhook: ends of tasks are sent to its address from now on.',
      tags,
      body: newWebhookBody,
      response: { 201: secretAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const by = callerOf(request);
      const { secret: given } = request.body;
      let made: string | undefined;
      // What is kept for a repeated request is in the database, and so without the secret.
      const add = (keep: Keep<KeptWebhook> | undefined) =>
        gateway.requests.use(async (context) => {
          const now = await context.now();
          const shown = ({ webhook, warnings }: WithSecret) => ({ webhook: wire(webhook), warnings, now });
          const also: AlsoWrite = keep && ((session, added) => keep(session, shown(added)));
          const added = await addWebhook(context, { ...request.body, secret: given }, by, also);
          made = added.secret;
          return shown(added);
        });
      const { now, ...added } = await onceByKey(gateway, request, reply, add);
      const id = Number(added.webhook.webhook_id);
      const secret = made ?? (await gateway.requests.use((context) => firstSecret(context, id)));
      reply.code(201);
      return { ...added, secret, by: by.label, ...envelope(request, now) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/webhooks',
    schema: {
      operationId: 'listWebhooks',
      summary: 'List the webhooks, at most 100.',
      tags,
      response: { 200: webhooksAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const all = await webhooks(context);
        return { webhooks: all.map(wire), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'GET',
    ...ONE,
    schema: {
      operationId: 'showWebhook',
      problems: ['E_NOT_FOUND'],
      summary: 'Show a webhook; its secret is not shown.',
      tags,
      params: webhookParams,
      response: { 200: webhookAnswer },
    },
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const found = await webhook(context, request.params.webhook_id);
        return { webhook: wire(found), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'PATCH',
    ...ONE,
    schema: {
      operationId: 'changeWebhook',
      problems: ['E_NOT_FOUND'],
      summary: 'Change a webhook: what the request names, and nothing else.',
      tags,
      params: webhookParams,
      body: webhookChange,
      response: { 200: changedAnswer },
    },
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const changed = await changeWebhook(context, request.params.webhook_id, request.body, callerOf(request));
        return { webhook: wire(changed), by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'DELETE',
    ...ONE,
    schema: {
      operationId: 'removeWebhook',
      problems: ['E_NOT_FOUND'],
      summary: 'Remove a webhook; what is still to be sent is not sent.',
      tags,
      params: webhookParams,
      response: { 200: removedAnswer },
    },
    async handler(request) {
      const { webhook_id } = request.params;
      return gateway.requests.use(async (context) => {
        await removeWebhook(context, webhook_id, callerOf(request));
        const removed = { webhook_id: String(webhook_id), removed: true as const };
        return { ...removed, by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/webhooks/:webhook_id/secret',
    schema: {
      operationId: 'changeWebhookSecret',
      problems: ['E_NOT_FOUND'],
      summary: 'Give a webhook another secret; the former one signs too for 24 hours.',
      tags,
      params: webhookParams,
      body: secretBody.prefault({}),
      response: { 200: secretAnswer },
    },
    preValidation: bodyOrNone,
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const changed = await changeSecret(context, request.params.webhook_id, request.body.secret, callerOf(request));
        const answer = { ...changed, webhook: wire(changed.webhook), by: caller(request) };
        return { ...answer, ...envelope(request, await context.now()) };
      });
    },
  });
}

function wire({ id, ...rest }: Webhook) {
  return { webhook_id: String(id), ...rest };
}
