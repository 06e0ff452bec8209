// API keys.
import { z } from 'zod';
import { answered, deviceId, instant } from '../values.ts';

export const keyParams = z.strictObject({
  key_id: z
    .string()
    .regex(/^[0-9A-Za-z]{8}$/, 'must be 8 letters and digits')
    .meta({ description: 'Id of the key: the second part of its text.', examples: ['k3Jd92Qa'] }),
});

const role = z.enum(['viewer', 'operator', 'submitter', 'device', 'admin']);
const lifetime = z
  .int()
  .min(1)
  .max(365 * 86_400)
  .default(90 * 86_400)
  .meta({ description: 'Seconds for which it is valid.' });

export const newKeyBody = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .meta({ description: 'Whose it is, or what for.', examples: ['report page'] }),
  role: role.meta({ examples: ['viewer'] }),
  device_id: deviceId
    .nullable()
    .default(null)
    .meta({ description: 'Of the role `device`: the only device for which it is; null: any.', examples: [null] }),
  lifetime,
});
export const rotateBody = z.strictObject({
  lifetime,
  overlap: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400)
    .meta({ description: 'Seconds for which the old key is still valid.' }),
});

export const key = z
  .object({
    key_id: z.string().meta({ examples: ['k3Jd92Qa'] }),
    name: z.string(),
    role,
    device_id: z.string().nullable(),
    created_at: instant,
    created_by: z.string(),
    expires_at: instant,
    last_used_at: instant.nullable().meta({ description: 'To the minute.' }),
    revoked_at: instant.nullable(),
    active: z.boolean(),
  })
  .meta({ id: 'Key' });

const text = z.string().meta({ description: 'The key itself. It is not shown again.' });

export const keysAnswer = z.object({
  keys: z.array(key).meta({ description: 'At most 1,000: the active ones first, then the newest.' }),
  ...answered,
});
export const madeKeyAnswer = z.object({ key, text, by: z.string(), ...answered });
export const rotatedKeyAnswer = z.object({ key, text, old: key, by: z.string(), ...answered });
export const endedKeyAnswer = z.object({ key, by: z.string(), ...answered });
