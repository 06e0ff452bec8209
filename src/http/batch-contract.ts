// Batches: tasks that were added for one purpose, and whose end is an event.
import { z } from 'zod';
import { cursor, limitUpTo, nextCursor, total } from './list-values.ts';
import { answered, givenId, instant, rowId } from './values.ts';

export const batchParams = z.strictObject({
  batch_id: givenId.meta({ description: 'Id of the batch.', examples: ['5'] }),
});

export const batchesQuery = z.strictObject({ limit: limitUpTo(500, 100), cursor: cursor.optional() });

const members = {
  batch_id: rowId,
  name: z.string().meta({ examples: ['nightly'] }),
  state: z.enum(['open', 'sealed', 'ended']).meta({
    description: '`open`: tasks can be added. `sealed`: no more can. `ended`: and none of its tasks was open.',
  }),
  created_at: instant,
  created_by: z.string(),
  sealed_at: instant.nullable(),
  ended_at: instant.nullable(),
};

export const batch = z.object(members).meta({ id: 'Batch' });

const counts = z
  .object({
    pending: total,
    waiting: total,
    assigned: total,
    running: total,
    done: total,
    failed: total,
    cancelled: total,
  })
  .meta({ id: 'BatchCounts', description: 'Its tasks by status, as they are now.' });

export const batchesAnswer = z.object({
  batches: z.array(batch).meta({ description: 'Newest first.' }),
  cursor: nextCursor,
  ...answered,
});
export const batchAnswer = z.object({ batch: z.object({ ...members, counts }), ...answered });
export const sealedAnswer = z.object({
  batch,
  already: z.boolean().meta({ description: 'It was sealed before, and nothing changed.' }),
  by: z.string(),
  ...answered,
});
