// The stream of changes. Each event has an `id` (`gateway:sequence`), its type in `event`, and one of these as its `data`.
import { z } from 'zod';
import { deviceId, instant, rowId } from './values.ts';

const type = <T extends string>(name: T) => z.literal(name);
const asOf = { as_of: instant.meta({ description: 'When the gateway read it, by the clock of the database.' }) };
const ofTask = { task_id: rowId, task_type: z.string().nullable().meta({ description: 'Null = the task is gone.' }) };
/** `running`: as in the schema of the fleet. */
const word = z.string();

export const CHANGE_TYPES = [
  'task.created',
  'task.started',
  'task.ended',
  'batch.ended',
  'device.status',
  'leader.changed',
  'setting.changed',
] as const;

export const changeEvent = z
  .discriminatedUnion('type', [
    z.object({
      type: type('task.ended'),
      ...asOf,
      ...ofTask,
      attempt: z
        .int()
        .nullable()
        .meta({ description: 'Null = no attempt ended it: it was cancelled while it waited, say.' }),
      device_id: deviceId.nullable(),
      attempt_status: word.nullable().meta({ examples: ['completed'] }),
      task_status: word
        .nullable()
        .meta({ description: 'Null = another attempt is its current one by now.', examples: ['done'] }),
      cause: word.nullable(),
      error_message: z.string().nullable().meta({ description: 'Its first 500 characters.' }),
      ended_at: instant.nullable(),
    }),
    z.object({
      type: type('task.created'),
      ...asOf,
      task_id: rowId,
      task_type: z.string(),
      status: word,
      parent_id: rowId.nullable(),
      created_at: instant.nullable(),
    }),
    z.object({
      type: type('task.started'),
      ...asOf,
      ...ofTask,
      attempt: z.int().nullable(),
      device_id: deviceId,
      started_at: instant.nullable(),
    }),
    z.object({
      type: type('batch.ended'),
      ...asOf,
      batch_id: rowId,
      name: z.string(),
      created_at: instant.nullable(),
      sealed_at: instant.nullable(),
      ended_at: instant.nullable(),
    }),
    z.object({
      type: type('device.status'),
      ...asOf,
      device_id: deviceId,
      device_type: word,
      status: word.nullable().meta({ description: 'Null = the device was removed.' }),
      operator_state: word.nullable(),
    }),
    z.object({
      type: type('leader.changed'),
      ...asOf,
      device_id: deviceId.nullable().meta({ description: 'Null = there is none.' }),
      term: z.int(),
    }),
    z.object({
      type: type('setting.changed'),
      ...asOf,
      name: z.string(),
      value: z.unknown().meta({ description: 'Null = it is no longer set.' }),
    }),
    z.object({
      type: type('overflow'),
      ...asOf,
      of: z.enum(CHANGE_TYPES),
      count: z.int().nullable().meta({ description: 'Changes that were not told one by one; null = not known.' }),
    }),
    z.object({ type: type('ready'), ...asOf }),
    z.object({
      type: type('resync'),
      ...asOf,
      reason: z.enum(['too_old', 'other_gateway']),
    }),
  ])
  .meta({ id: 'ChangeEvent', description: 'What the `data` of an event holds.' });

const list = (description: string, example: string) =>
  z
    .string()
    .max(2000)
    .transform((text) => text.split(',').filter((one) => one !== ''))
    .optional()
    .meta({ description: `${description}, separated by commas.`, examples: [example] });

export const eventsQuery = z.object({
  types: list('Only these types', 'task.created,task.ended').refine(
    (some) => (some ?? []).every((one) => (CHANGE_TYPES as readonly string[]).includes(one)),
    `must be of ${CHANGE_TYPES.join(', ')}`,
  ),
  task_type: list('Only tasks of these types', 'sync_data'),
  device_id: list('Only what concerns these devices', 'worker-001'),
  last_event_id: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'As the header Last-Event-ID, for clients that cannot set it.' }),
});

/** Loose: the others stay what they are. */
export const eventsHeaders = z.looseObject({
  'last-event-id': z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'Id of the last event that was seen: what followed comes first.' }),
});

export type ChangeEvent = z.output<typeof changeEvent>;
