// Run logs.
import { z } from 'zod';
import { cursor, flag, limitUpTo, moment } from './list-values.ts';
import { answered, instant, rowId } from './values.ts';

export const logsQuery = z.strictObject({
  attempt: z.coerce.number().int().min(1).optional().meta({ description: 'Only this attempt.' }),
  stream: z.enum(['stdout', 'stderr', 'log', 'afd']).optional(),
  since: moment.optional().meta({ description: 'Only lines from then on, by the clock of the device.' }),
  grep: z.string().min(1).max(200).optional().meta({ description: 'Text that a line contains.' }),
  limit: limitUpTo(5000, 1000),
  cursor: cursor.optional(),
  follow: flag.optional().meta({
    description: 'Go on as a stream of events until the task has ended, as with `Accept: text/event-stream`.',
  }),
});

const of = { task_id: rowId, attempt: z.int(), device_id: z.string() };
const state = {
  ...of,
  task_type: z.string(),
  status: z.string(),
  cause: z.string().nullable(),
  error_message: z.string().nullable(),
  ended_at: instant.nullable(),
};

export const logEntry = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('line'),
      ...of,
      time: z.string(),
      stream: z.string(),
      level: z.string().nullable(),
      text: z.string(),
    }),
    z.object({ kind: z.literal('gap'), ...of, dropped_bytes: z.number() }),
    z.object({ kind: z.literal('unreadable'), ...of, message: z.string() }),
    z.object({ kind: z.literal('attempt'), ...state }),
    z.object({ kind: z.literal('attempt_end'), ...state }),
  ])
  .meta({
    id: 'LogEntry',
    description: 'A line; output that was not kept; or the beginning or the end of an attempt.',
  });

export const logsAnswer = z.object({
  entries: z.array(logEntry),
  cursor: z.string().meta({ description: 'Where the next page begins, also when there is nothing there yet.' }),
  more: z.boolean().meta({ description: 'There is more already.' }),
  ended: z.boolean().meta({ description: 'All was read, and no more will come.' }),
  ...answered,
});
