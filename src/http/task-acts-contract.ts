// Who acted on a task, as those see it who may read the audit log.
import { z } from 'zod';
import { instant, rowId } from './values.ts';

const act = z
  .object({
    id: rowId.meta({ description: 'Of the row of the audit log.', examples: ['17'] }),
    at: instant,
    actor: z.string().meta({
      description: 'As in the audit log: `user:NAME`, `key:ID`, `os:USER@HOST` for a command, and others.',
      examples: ['os:ada@ops'],
    }),
    source: z
      .string()
      .nullable()
      .meta({ description: 'Address of the client; null: a command.', examples: [null] }),
    action: z.string().meta({ examples: ['tasks.retry'] }),
    reason: z.string().nullable(),
    outcome: z.string().meta({ description: '`done`, or `asked`: its device was asked to do it.', examples: ['done'] }),
    request_id: z.string(),
  })
  .meta({ id: 'Act' });

/** Members of a task that is shown. */
export const taskActs = {
  acts: z
    .array(act)
    .nullable()
    .meta({ description: 'What operators did to it, the newest 20, newest first. Null: not shown.' }),
  more_acts: z.boolean().meta({ description: 'There are earlier ones: `GET /api/v1/audit`.' }),
  acts_note: z
    .string()
    .nullable()
    .meta({
      description: 'Why `acts` is null: its reader, or the gateway, may not read the audit log.',
      examples: [null],
    }),
};
