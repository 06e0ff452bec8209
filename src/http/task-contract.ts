// Tasks as operators and programs see them.
import { z } from 'zod';
import { cursor, limitUpTo, moment, nextCursor, total, truncated } from './list-values.ts';
import { taskActs } from './task-acts-contract.ts';
import { answered, deviceId, givenId, instant, rowId } from './values.ts';

const STATUS = ['pending', 'running', 'failed', 'done', 'assigned', 'waiting', 'cancelled'] as const;
export const taskStatus = z.enum(STATUS);
/** One or several, separated by commas. */
const statusList = z
  .string()
  .regex(
    /^(pending|running|failed|done|assigned|waiting|cancelled)(,(pending|running|failed|done|assigned|waiting|cancelled))*$/,
    `must be of ${STATUS.join(', ')}, separated by commas`,
  )
  .meta({ description: 'One status, or several separated by commas.', examples: ['failed,cancelled'] });

export const taskParams = z.strictObject({
  task_id: givenId.meta({ description: 'Id of the task.', examples: ['12345'] }),
});

/** Conditions that a task meets, all of them. */
const conditions = {
  task_type: z
    .string()
    .max(255)
    .meta({ examples: ['sync_apps'] }),
  username: z
    .string()
    .max(255)
    .meta({ examples: ['user@example.com'] }),
  app_id: z
    .string()
    .max(255)
    .meta({ examples: ['com.example.app'] }),
  device_id: deviceId.meta({ description: 'Runs there, ran there last, or is directed there.' }),
  dedupe_key: z.string().max(191),
  concurrency_key: z.string().max(191),
  error: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'Text that the last error contains.', examples: ['timeout'] }),
  created_from: moment.meta({ description: 'Added then or later.' }),
  created_to: moment.meta({ description: 'Added before.' }),
  finished_from: moment.meta({ description: 'Ended then or later.' }),
  finished_to: moment.meta({ description: 'Ended before.' }),
};
const optional = z.object(conditions).partial().shape;

export const tasksQuery = z.strictObject({
  status: statusList.optional(),
  ...optional,
  priority: z.coerce
    .number()
    .int()
    .optional()
    .meta({ examples: ['5'] }),
  parent_id: givenId.optional().meta({ description: 'Added by the handler of this task.' }),
  batch_id: givenId.optional(),
  limit: limitUpTo(500, 50),
  cursor: cursor.optional(),
});

/** The same conditions in a body. */
export const taskFilter = z
  .strictObject({
    status: z.array(taskStatus).min(1).max(STATUS.length).optional(),
    ...optional,
    priority: z.int().optional(),
    parent_id: givenId.optional(),
    batch_id: givenId.optional(),
  })
  .meta({
    id: 'TaskFilter',
    description: 'Conditions that a task meets, all of them.',
    examples: [{ status: ['failed'], task_type: 'sync_apps' }],
  });

export const progress = z
  .object({
    done: z.number().nullable(),
    total: z.number().nullable(),
    message: z.string().nullable(),
    remaining: z.number().nullable().meta({ description: 'Estimated seconds until it is complete.' }),
    metrics: z.record(z.string(), z.unknown()),
    peak_memory: z.number().nullable().meta({ description: 'Bytes.' }),
    cpu_ms: z.number().nullable(),
    updated_at: instant.nullable(),
  })
  .meta({ id: 'Progress', description: 'What an attempt has reported of itself.' });

export const task = z
  .object({
    task_id: rowId,
    task_type: z.string().meta({ examples: ['sync_apps'] }),
    status: taskStatus,
    task_data: z.unknown().meta({ examples: [{ username: 'user@example.com' }] }),
    username: z.string().nullable(),
    app_id: z.string().nullable(),
    start_date: z
      .string()
      .nullable()
      .meta({ examples: ['2024-01-01'] }),
    end_date: z
      .string()
      .nullable()
      .meta({ examples: ['2024-01-31'] }),
    priority: z.int().nullable(),
    required_capabilities: z.unknown().meta({ examples: [null] }),
    retry_count: z.int().meta({ description: 'Failed and timed-out attempts.' }),
    max_retry_count: z.int().nullable(),
    attempt: z.int().meta({ description: 'Number of the current or last attempt; 0 = none yet.' }),
    lost_count: z.int().meta({ description: 'Workers that died under it.' }),
    dedupe_key: z.string().nullable(),
    concurrency_key: z.string().nullable(),
    target_device_id: z.string().nullable(),
    device_id: z.string().nullable().meta({ description: 'Holds the task; of one that has ended, ran it last.' }),
    execution_timeout: z.number().nullable().meta({ description: 'Seconds.' }),
    estimated_duration: z.number().nullable().meta({ description: 'Seconds.' }),
    parent_id: rowId.nullable(),
    batch_id: rowId.nullable(),
    last_error: z.string().nullable(),
    next_run_at: instant.nullable(),
    created_at: instant.nullable(),
    updated_at: instant.nullable(),
    finished_at: instant.nullable(),
    progress: progress.nullable(),
    truncated,
  })
  .meta({ id: 'Task' });

export const tasksAnswer = z.object({
  tasks: z.array(task).meta({ description: 'Newest first.' }),
  total: total.nullable().meta({ description: 'Null on all pages but the first.' }),
  cursor: nextCursor,
  searched_to: rowId.nullable().meta({
    description:
      'Set when the page is not full because its read was bounded: the id that the search has come down to. `cursor` continues it.',
  }),
  ...answered,
});

const attempt = z
  .object({
    assignment_id: rowId,
    attempt: z.int().nullable().meta({ description: 'Null: the row of another program.' }),
    device_id: z.string(),
    status: z.string().meta({ examples: ['completed'] }),
    assigned_at: instant.nullable(),
    started_at: instant.nullable(),
    completed_at: instant.nullable(),
    deadline_at: instant.nullable(),
    retry_count: z.int(),
    error_message: z.string().nullable(),
    error_class: z.string().nullable(),
    cause: z.string().nullable(),
    revoked_at: instant.nullable(),
    revoke_outcome: z.enum(['cancelled', 'released']).nullable(),
    revoked_by: z.string().nullable().meta({
      description:
        'The operator, and the reason; also of what was done to the task after this attempt: `retried by ada@ops`.',
    }),
    result: z.unknown(),
    progress: progress.nullable(),
    truncated,
  })
  .meta({ id: 'Attempt' });

const waiting = z
  .object({
    why: z.string().meta({ examples: ['no worker is registered'] }),
    devices: z.array(
      z.object({
        device_id: z.string(),
        reasons: z.array(z.string()).meta({ description: 'Why it does not take the task now; empty: it may.' }),
        score: z.number().nullable(),
      }),
    ),
  })
  .meta({ id: 'Waiting', description: 'Why a task that no device runs is not running, and where it would go.' });

export const taskAnswer = z.object({
  task: task.extend({
    attempts: z.array(attempt).meta({ description: 'The newest 100, oldest first.' }),
    more_attempts: z.boolean().meta({ description: 'There are earlier ones.' }),
    checkpoint: z
      .object({ attempt: z.int(), bytes: z.int(), written_at: instant })
      .nullable()
      .meta({ description: 'What the next attempt begins with; its value is for the handler alone.' }),
    waiting: waiting.nullable().meta({ description: 'Null: it does not wait for a device.' }),
    ...taskActs,
  }),
  ...answered,
});

export const resultQuery = z.strictObject({
  attempt: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Only what this attempt returned; absent: the last completed one.' }),
});

export const resultAnswer = z.object({
  task_id: rowId,
  attempt: z.int(),
  result: z.unknown().meta({ description: 'As the handler returned it, digit by digit.', examples: [{ rows: 42 }] }),
  ...answered,
});

export const waitQuery = z.strictObject({
  seconds: z.coerce.number().min(0).max(60).default(25).meta({ description: 'How long the answer may take.' }),
});

export const waitAnswer = z.object({
  task_id: rowId,
  status: taskStatus,
  attempt: z.int(),
  ended: z.boolean().meta({ description: 'False: the time was over first. Ask again.' }),
  last_error: z.string().nullable(),
  finished_at: instant.nullable(),
  truncated,
  ...answered,
});

export const exportQuery = z.strictObject({
  format: z.enum(['jsonl', 'csv']).default('jsonl'),
  status: taskStatus.optional(),
  task_type: optional.task_type,
  app_id: optional.app_id,
  device_id: optional.device_id,
});
