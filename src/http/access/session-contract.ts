// Sessions of people.
import { z } from 'zod';
import { answered, instant } from '../values.ts';

/** A user of `afd users`, or an API key; its own error says which members may stand together. */
export const signInBody = z
  .strictObject({
    user: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'Name of the user.', examples: ['alice'] }),
    password: z
      .string()
      .min(1)
      .max(2048)
      .optional()
      .meta({ examples: ['correct horse battery'] }),
    api_key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'In place of both, for a session that stands for an API key.' }),
  })
  .refine(
    ({ user, password, api_key }) =>
      (user === undefined) === (password === undefined) && (user === undefined) !== (api_key === undefined),
    {
      message: 'must have user and password, or api_key',
    },
  );

export const session = z
  .object({
    user: z
      .string()
      .nullable()
      .meta({ description: 'Name of the user; null: an API key.', examples: ['alice'] }),
    key_id: z.string().nullable().meta({ description: 'Id of the API key; null: a user.' }),
    name: z.string().meta({ description: 'Of the user or key, to be shown.', examples: ['alice'] }),
    role: z.enum(['viewer', 'operator', 'submitter', 'admin']),
    created_at: instant
      .nullable()
      .meta({ description: 'When it began; null: the request had an API key, and no session.' }),
    expires_at: instant.meta({ description: 'When it ends in any case.' }),
    idle_timeout: z
      .int()
      .nullable()
      .meta({ description: 'Seconds without a request after which it ends.', examples: [1800] }),
  })
  .meta({ id: 'Session' });

export const sessionAnswer = z.object({
  session: session.nullable().meta({ description: 'Null: `server.auth` is none, and nobody needs to sign in.' }),
  ...answered,
});
