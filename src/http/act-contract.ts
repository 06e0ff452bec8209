// What operators do to tasks.
import { z } from 'zod';
import { cursor, nextCursor, total } from './list-values.ts';
import { task, taskFilter, taskStatus } from './task-contract.ts';
import { answered, deviceId, instant, rowId } from './values.ts';

export const expect = z.strictObject({ status: taskStatus.optional(), attempt: z.int().min(0).optional() }).meta({
  description: 'As the task was seen. If it has changed, the answer is 409 and nothing happens.',
  examples: [{ status: 'failed', attempt: 3 }],
});

const force = z.boolean().default(false);
const reason = z.string().max(300).optional().meta({ description: 'Stored with the attempt that is ended.' });

export const cancelBody = z.strictObject({
  expect: expect.optional(),
  force: force.meta({ description: 'End it at once, although a device runs it.' }),
  reason,
});
export const retryBody = z.strictObject({
  expect: expect.optional(),
  force: force.meta({ description: 'Also a task that is done.' }),
});
export const reassignBody = z.strictObject({
  expect: expect.optional(),
  to: deviceId.optional().meta({ description: 'The device; absent: any device.' }),
  force: force.meta({ description: 'At once, although a device runs it, or the new one cannot.' }),
  reason,
});

export const actAnswer = z.object({
  task_id: rowId,
  status: taskStatus.meta({ description: '`running`: its device was asked to end it, and has yet to do so.' }),
  revoking: z.boolean().optional(),
  already: z.boolean().optional().meta({ description: 'Nothing changed: it was so before.' }),
  device_id: z.string().nullable().optional().meta({ description: 'Runs it, or ran it until now.' }),
  target_device_id: z.string().nullable().optional(),
  attempt: z.int().optional(),
  warnings: z.array(z.string()).optional(),
  by: z.string(),
  ...answered,
});

const actOnMany = {
  act: z.enum(['cancel', 'retry', 'reassign']),
  filter: taskFilter,
};

export const previewBody = z.strictObject({
  ...actOnMany,
  force,
  to: deviceId.optional().meta({ description: 'The device, for `reassign`; absent: any device.' }),
  reason,
});

export const previewAnswer = z.object({
  token: z.string().meta({
    description:
      'For POST /api/v1/tasks/acts. It says the act and the filter, and is valid at every gateway of the fleet.',
  }),
  expires_at: instant,
  total,
  sample: z.array(task).meta({ description: 'The newest of them.' }),
  ...answered,
});

export const actsBody = z.strictObject({
  token: z.string().max(8000).meta({ description: 'Of the preview; at most 10 minutes old.' }),
  cursor: cursor.optional(),
  limit: z.int().min(1).max(1000).default(200).meta({ description: 'Tasks of this chunk.' }),
  act: actOnMany.act.optional().meta({ description: 'If given, it must be that of the preview.' }),
  filter: taskFilter.optional().meta({ description: 'If given, it must be that of the preview.' }),
});

export const actsAnswer = z.object({
  results: z.array(
    z.object({
      task_id: rowId,
      done: z.boolean().meta({ description: 'False: it was left alone.' }),
      status: taskStatus.nullable().meta({ description: 'As it is now; null: not known, or gone.' }),
      code: z.string().nullable(),
      message: z.string().nullable(),
    }),
  ),
  cursor: nextCursor,
  done: z.int().meta({ description: 'Of all chunks so far.' }),
  refused: z.int().meta({ description: 'Of all chunks so far.' }),
  by: z.string(),
  ...answered,
});
