// The next task and its result, as in the design document (5.1.2, 5.1.3), with additions that a client may ignore.
import { z } from 'zod';
import { deviceId, givenId, token } from './values.ts';

export const nextQuery = z.object({
  device_id: deviceId,
  wait: z.coerce.number().min(0).max(60).default(0).meta({ description: 'Seconds to wait for a task.' }),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: 'Claims several: then the answer is `{"tasks": […]}`.' }),
});

export const nextTask = z.object({
  task_id: z.int().meta({ examples: [12345] }),
  task_type: z.string().meta({ examples: ['sync_data'] }),
  task_data: z.record(z.string(), z.unknown()).meta({ examples: [{ app_id: 'com.example.app' }] }),
  priority: z.int(),
  timeout: z.number().meta({ description: 'Seconds that the attempt may run.' }),
  retry_count: z.int(),
  attempt: z.int(),
  claim_token: token,
});

export const nextTasks = z.object({ tasks: z.array(nextTask) });

const outcome = z.object({
  status: z.enum(['completed', 'failed', 'released', 'later', 'permanent', 'timeout']),
  result: z
    .unknown()
    .optional()
    .meta({ examples: [{ records_processed: 1500 }] }),
  error_message: z.string().max(65_535).nullish(),
  error_class: z.string().max(64).optional(),
  after: z
    .union([z.number().min(0), z.string().max(64)])
    .optional()
    .meta({
      description: 'When it may be tried again, with `failed` and `later`: seconds, or a duration.',
    }),
  until: z.string().max(64).optional().meta({ description: 'The same as an instant (ISO 8601).' }),
  enqueue: z.array(z.looseObject({})).max(1000).optional().meta({ description: 'Follow-up tasks, with `completed`.' }),
  attempt: z.int().min(1).optional().meta({ description: 'Must be the attempt that the device was given.' }),
  claim_token: token.optional(),
});

const taskId = givenId.meta({ description: 'Id of the task.', examples: [12345] });

export const resultParams = z.object({ task_id: taskId });
export const resultBody = z.looseObject({ device_id: deviceId, ...outcome.shape });
export const resultsBody = z.object({
  device_id: deviceId,
  results: z
    .array(outcome.extend({ task_id: taskId }))
    .min(1)
    .max(1000),
});

export const resultAnswer = z.object({
  task_id: z.int().meta({ examples: [12345] }),
  status: z
    .enum(['accepted', 'committed', 'refused'])
    .meta({ description: 'committed = it was accepted before; refused = the attempt is not the device’s any more.' }),
  task_status: z.string().optional(),
  reason: z.string().optional(),
});
export const resultsAnswer = z.object({ results: z.array(resultAnswer) });

export type GivenResult = z.output<typeof resultsBody>['results'][number];
export type ResultAnswer = z.output<typeof resultAnswer>;
