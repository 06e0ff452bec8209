// People who sign in, as administrators manage them.
import { z } from 'zod';
import { answered, instant } from '../values.ts';
import { session } from './session-contract.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'must be 1 to 64 letters, digits, ".", "_", "@" or "-"')
  .meta({ description: 'Name of the user.', examples: ['alice'] });
const role = z.enum(['viewer', 'operator', 'submitter', 'admin']);
const newPassword = z
  .string()
  .min(1)
  .max(2048)
  .meta({ description: 'At least 12 characters.', examples: ['correct horse battery'] });

export const userParams = z.strictObject({ name });

export const newUserBody = z.strictObject({
  name,
  role: role.meta({ examples: ['operator'] }),
  password: newPassword
    .nullable()
    .meta({ description: 'At least 12 characters. Null: the user signs in at the OpenID provider of `server.oidc`.' }),
});

export const userChange = z
  .strictObject({
    role: role.optional().meta({ examples: ['viewer'] }),
    disabled: z.boolean().optional().meta({ description: 'True: the user signs in no more.' }),
    unlock: z.literal(true).optional().meta({
      description: 'Those who were locked out, because too many log-ins with this name failed, may try again.',
    }),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    message: 'must have role, disabled or unlock',
  });

export const passwordBody = z.strictObject({ password: newPassword });

export const ownPasswordBody = z.strictObject({
  password: z
    .string()
    .min(1)
    .max(2048)
    .meta({ description: 'The one until now.', examples: ['correct horse battery'] }),
  new_password: newPassword.meta({ description: 'At least 12 characters.', examples: ['staple battery horse'] }),
});

export const user = z
  .object({
    name: z.string().meta({ examples: ['alice'] }),
    role,
    created_at: instant,
    created_by: z.string(),
    password_changed_at: instant
      .nullable()
      .meta({ description: 'Null: there is no password, the user signs in at an OpenID provider.' }),
    last_login_at: instant.nullable(),
    disabled_at: instant.nullable().meta({ description: 'Null: the user may sign in.' }),
    disabled_by: z.string().nullable(),
  })
  .meta({ id: 'User' });

export const usersAnswer = z.object({
  users: z.array(user).meta({ description: 'At most 1,000, by name.' }),
  ...answered,
});
export const userAnswer = z.object({ user, by: z.string(), ...answered });

const sessionId = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'must be 16 digits and letters from a to f')
  .meta({ description: 'Names a session; nobody signs in with it.', examples: ['0b1c2d3e4f506172'] });

export const sessionParams = z.strictObject({ session_id: sessionId });

export const ownSession = z
  .object({
    session_id: sessionId,
    current: z.boolean().meta({ description: 'It is that of this request.' }),
    source: z
      .string()
      .nullable()
      .meta({ description: 'Address from which it began.', examples: ['10.0.0.7'] }),
    created_at: instant,
    last_seen_at: instant.meta({ description: 'To the minute.' }),
    expires_at: instant,
  })
  .meta({ id: 'OwnSession' });

export const ownSessionsAnswer = z.object({
  sessions: z.array(ownSession).meta({ description: 'At most 100, the newest first.' }),
  ...answered,
});
export const ownPasswordAnswer = z.object({ session, ...answered });
