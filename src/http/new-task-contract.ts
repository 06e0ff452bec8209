import { z } from 'zod';
import { answered, givenId, rowId } from './values.ts';

/** Tasks of one call. */
export const MOST_NEW_TASKS = 1000;

const json = z.record(z.string(), z.unknown());

export const newTask = z
  .strictObject({
    task_type: z
      .string()
      .min(1)
      .meta({ description: 'Selects the handler. At most 32 characters.', examples: ['sync_apps'] }),
    task_data: json.nullish().meta({ description: 'For the handler.', examples: [{ username: 'user@example.com' }] }),
    username: z.string().nullish(),
    app_id: z.string().nullish(),
    start_date: z.string().nullish().meta({ description: 'YYYY-MM-DD.' }),
    end_date: z.string().nullish().meta({ description: 'YYYY-MM-DD.' }),
    priority: z
      .int()
      .nullish()
      .meta({ description: '1 to 10; 10 runs first.', examples: [5] }),
    required_capabilities: json.nullish(),
    dedupe_key: z.string().nullish().meta({ description: 'Equal keys are one task, for as long as that task exists.' }),
    run_at: z.string().nullish().meta({ description: 'Earliest start, ISO 8601 with its zone.' }),
    max_retry_count: z.int().nullish(),
    execution_timeout: z.int().nullish().meta({ description: 'Seconds.' }),
    estimated_duration: z.int().nullish().meta({ description: 'Seconds; for placing alone.' }),
    concurrency_key: z.string().nullish(),
  })
  .meta({ id: 'NewTask', examples: [{ task_type: 'sync_apps', task_data: { username: 'user@example.com' } }] });

const newBatch = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(191)
    .meta({ description: 'It need not be unique.', examples: ['nightly'] }),
  open: z.boolean().default(false).meta({
    description: 'True: more tasks can be added to it, until it is sealed. False: it is sealed with these.',
  }),
});

/** Tasks with their batch, as far as it is checked before the tasks are. */
const around = {
  batch: newBatch.optional().meta({ description: 'Makes a batch for these tasks.' }),
  batch_id: givenId.optional().meta({ description: 'Adds them to this batch, which must be open.', examples: [5] }),
};
export const tasksWithBatch = z.strictObject({ tasks: z.array(z.unknown()), ...around });

export const newTasksBody = z
  .union([
    newTask,
    z.array(newTask).min(1).max(MOST_NEW_TASKS),
    z.strictObject({ tasks: z.array(newTask).max(MOST_NEW_TASKS), ...around }),
  ])
  .meta({
    description:
      'One task, or up to 1,000, or these with a batch: all of them are added, or none. A batch may be made without tasks.',
  });

export const newTasksAnswer = z.object({
  tasks: z.array(z.object({ task_id: rowId, created: z.boolean() })).meta({
    description:
      'In the order of the request. `created` false: a task with this dedupe_key was there before, and is unchanged.',
  }),
  batch_id: rowId.nullable().meta({ description: 'To which they were added; null: to none.', examples: [null] }),
  warnings: z.array(z.string()).meta({ description: 'What is odd about the new tasks; they are added all the same.' }),
  ...answered,
});
