// Errors as problem documents (RFC 9457) with the codes of the registry.
import { z } from 'zod';

export const PROBLEM_TYPE = 'application/problem+json';

export const problem = z
  .looseObject({
    type: z.string().meta({ description: 'Where the code is explained, relative to the gateway.' }),
    title: z.string().meta({ description: 'What the code means.' }),
    status: z.int(),
    detail: z.string().meta({ description: 'What failed and why, in one sentence.' }),
    code: z.string().meta({ description: 'Code of the registry.', examples: ['E_CONFLICT'] }),
    suggestions: z.array(z.string()).meta({ description: 'Commands to try.' }),
    request_id: z.string(),
  })
  .meta({ id: 'Problem', description: 'An error. Further members depend on the code.' });

export type Problem = z.output<typeof problem>;
