// Values that more than one request or answer has.
import { z } from 'zod';

export const deviceId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, ".", "_" or "-"')
  .meta({ description: 'Id of a device.', examples: ['worker-001'] });

/** 16 random bytes, in hexadecimal. */
export const token = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'must be 32 hexadecimal digits')
  .meta({ examples: ['0b1c2d3e4f5061728394a5b6c7d8e9f0'] });

/** An instant as the gateway writes it: ISO 8601, UTC, with milliseconds. */
export const instant = z.string().meta({ format: 'date-time', examples: ['2024-01-01T12:00:00.000Z'] });

/** Id of a row in an answer: text, so that no client loses digits. */
export const rowId = z.string().meta({ examples: ['12345'] });

/** Id of a row in a request: text or number. */
export const givenId = z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER);

/** What every answer beyond the design document's own calls carries. */
export const answered = {
  now: instant.meta({ description: 'Time of the database when the request was answered.' }),
  as_of: instant.meta({
    description:
      'Time of the database when the data were read; earlier than `now` where a read is shared, or where a replica was read.',
  }),
  request_id: z.string().meta({ description: 'Also in the header X-Request-Id, and in the log of the gateway.' }),
};
