// The audit log.
import { z } from 'zod';
import { cursor, limitUpTo, moment, nextCursor } from '../list-values.ts';
import { answered, instant } from '../values.ts';

export const auditQuery = z.strictObject({
  since: moment.optional().meta({ description: 'Only rows of then or later.' }),
  actor: z
    .string()
    .max(255)
    .optional()
    .meta({ description: 'Who acted, as `actor` names them.', examples: ['key:k3Jd92Qa'] }),
  action: z
    .string()
    .max(32)
    .optional()
    .meta({ examples: ['tasks.cancel'] }),
  object_type: z
    .string()
    .max(16)
    .optional()
    .meta({ examples: ['task'] }),
  object_id: z
    .string()
    .max(255)
    .optional()
    .meta({ examples: ['12345'] }),
  limit: limitUpTo(500, 100),
  cursor: cursor.optional(),
});

const sha256 = z.string().meta({ description: 'SHA-256 in hexadecimal.' });

export const auditRow = z
  .object({
    id: z.string().meta({ description: 'From 1, without gaps.', examples: ['17'] }),
    at: instant,
    actor: z.string().meta({
      description:
        '`user:NAME`, `key:ID`, `os:USER@HOST` for a command, `http:ADDRESS` where no key is asked for, `leader:DEVICE`.',
      examples: ['key:k3Jd92Qa'],
    }),
    source: z
      .string()
      .nullable()
      .meta({ description: 'Address of the client.', examples: ['192.0.2.7'] }),
    action: z.string().meta({ examples: ['tasks.cancel'] }),
    object_type: z.string().meta({ examples: ['task'] }),
    object_id: z.string().meta({ examples: ['12345'] }),
    before_hash: sha256.nullable().meta({ description: 'Of what was changed, as canonical JSON, before.' }),
    after_hash: sha256.nullable().meta({ description: 'The same, afterwards.' }),
    reason: z.string().nullable(),
    request_id: z.string(),
    outcome: z.string().meta({ description: '`done`, or `asked`: a device was asked to do it.', examples: ['done'] }),
    prev_hash: sha256.meta({ description: '`hash` of the row before.' }),
    hash: sha256.meta({ description: 'Of all other fields.' }),
  })
  .meta({ id: 'AuditRow' });

export const auditAnswer = z.object({
  rows: z.array(auditRow).meta({ description: 'Newest first.' }),
  cursor: nextCursor,
  searched_to: z
    .string()
    .nullable()
    .meta({ description: 'Set when the page is not full because its read was bounded: the id that it has come to.' }),
  ...answered,
});
