// What lists have in common.
import { z } from 'zod';

export const total = z
  .object({
    count: z.int().meta({ examples: [42] }),
    exact: z.boolean().meta({ description: 'False: the real number is this or higher.' }),
  })
  .meta({ id: 'Total', description: 'How many fit. Exact up to 10,000 at most.' });

export const cursor = z.string().max(1000).meta({
  description: '`cursor` of the answer before, to go on where it ended. Valid only with the same filter.',
});

export const nextCursor = z.string().nullable().meta({
  description: 'Where the list goes on: pass it as `cursor`. Null: the list ends here.',
});

export const limitUpTo = (most: number, otherwise: number) =>
  z.coerce.number().int().min(1).max(most).default(otherwise).meta({ description: 'Entries of one answer.' });

export const truncated = z.array(z.string()).meta({
  description: 'Names of the texts here that are cut, or left out (null) where they are JSON.',
  examples: [[]],
});

/** A moment in a request. */
export const moment = z.iso.datetime({ offset: true }).meta({ examples: ['2024-01-01T12:00:00Z'] });

/** A switch in a query string. */
export const flag = z.enum(['0', '1', 'true', 'false']).transform((value) => value === '1' || value === 'true');
