// Webhooks and their delivery logs.
import { z } from 'zod';
import { cursor, limitUpTo, nextCursor } from './list-values.ts';
import { answered, givenId, instant, rowId } from './values.ts';

const id = givenId.meta({ description: 'Id of the webhook.', examples: ['3'] });
export const webhookParams = z.strictObject({ webhook_id: id });
export const deliveryParams = z.strictObject({
  webhook_id: id,
  delivery_id: givenId.meta({ description: 'Id of the delivery.', examples: ['17'] }),
});

const eventType = z.enum(['task.done', 'task.failed', 'task.cancelled', 'batch.ended']);
const url = z
  .string()
  .max(2000)
  .meta({
    description:
      'Where deliveries are sent. It begins with https://, and its address is one of the internet, unless `master.webhook_networks` names it.',
    examples: ['https://hooks.example.com/afd'],
  });
const description = z.string().max(255).nullable();
const eventTypes = z
  .array(eventType)
  .min(1)
  .max(4)
  .meta({ description: 'How tasks ended, and that batches did.', examples: [['task.failed', 'batch.ended']] });
const taskTypes = z
  .array(z.string().min(1).max(255))
  .min(1)
  .max(100)
  .nullable()
  .meta({ description: 'Only tasks of these types; null: of all. Batches have no type.', examples: [['sync_data']] });
const secret = z
  .string()
  .max(128)
  .optional()
  .meta({ description: '`whsec_` and 24 to 64 bytes in base64. Absent: one is made.', examples: [] });

export const newWebhookBody = z.strictObject({
  url,
  description: description.default(null),
  event_types: eventTypes.default(['task.done', 'task.failed', 'task.cancelled', 'batch.ended']),
  task_types: taskTypes.default(null),
  secret,
});
export const webhookChange = z.strictObject({
  url: url.optional(),
  description: description.optional(),
  event_types: eventTypes.optional(),
  task_types: taskTypes.optional(),
  active: z
    .boolean()
    .optional()
    .meta({ description: 'False: nothing is recorded or sent. What ended meanwhile is not sent later.' }),
});
export const secretBody = z.strictObject({ secret });

export const webhook = z
  .object({
    webhook_id: rowId,
    url: z.string(),
    description: z.string().nullable(),
    event_types: z.array(eventType),
    task_types: z.array(z.string()).nullable(),
    active: z.boolean(),
    secret_key_id: z
      .string()
      .nullable()
      .meta({
        description: 'Key of the fleet with which its signing secret is encrypted; null: it is stored as it is.',
        examples: ['9f2c4b7a1d3e5f60'],
      }),
    former_secret_until: instant
      .nullable()
      .meta({ description: 'Until then deliveries are signed with the former secret too.' }),
    created_at: instant,
    created_by: z.string(),
  })
  .meta({ id: 'Webhook' });

export const webhookAnswer = z.object({ webhook, ...answered });
export const webhooksAnswer = z.object({
  webhooks: z.array(webhook).meta({ description: 'In the order in which they were added.' }),
  ...answered,
});
export const secretAnswer = z.object({
  webhook,
  secret: z.string().meta({ description: 'It is not shown again.' }),
  warnings: z.array(z.string()).meta({ description: 'That the secret is stored as it is, if it is.', examples: [[]] }),
  by: z.string(),
  ...answered,
});
export const changedAnswer = z.object({ webhook, by: z.string(), ...answered });
export const removedAnswer = z.object({ webhook_id: rowId, removed: z.literal(true), by: z.string(), ...answered });

const deliveryStatus = z.enum(['pending', 'delivered', 'failed']).meta({
  description: '`pending`: it is sent at `next_try_at`. `failed`: it is not sent again.',
});
const deliveryMembers = {
  delivery_id: rowId,
  event_type: z.string().meta({ examples: ['task.failed'] }),
  task_id: rowId.nullable().meta({ description: 'Null: of a batch, or of a test.' }),
  batch_id: rowId.nullable().meta({ description: 'Null: of a task, or of a test.', examples: [null] }),
  status: deliveryStatus,
  tries: z.int().meta({ description: 'Times that it was sent.' }),
  next_try_at: instant.nullable(),
  last_try_at: instant.nullable(),
  last_code: z.int().nullable().meta({ description: 'HTTP status of the last answer; null: there was none.' }),
  last_error: z.string().nullable(),
  last_ms: z.int().nullable().meta({ description: 'Milliseconds of the last try.' }),
  created_at: instant,
};
export const deliveriesQuery = z.strictObject({
  status: deliveryStatus.optional(),
  limit: limitUpTo(500, 100),
  cursor: cursor.optional(),
});
export const deliveriesAnswer = z.object({
  deliveries: z.array(z.object(deliveryMembers).meta({ id: 'Delivery' })).meta({ description: 'Newest first.' }),
  cursor: nextCursor,
  ...answered,
});
export const deliveryAnswer = z.object({
  delivery: z.object({
    ...deliveryMembers,
    message_id: z.string().meta({ description: 'Header `webhook-id`.', examples: ['msg_17'] }),
    body: z.string().meta({ description: 'As it is sent.' }),
  }),
  ...answered,
});
