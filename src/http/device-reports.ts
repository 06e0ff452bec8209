// What attempts of a remote worker print and report: run logs, progress, checkpoints.
import { z } from 'zod';
import { claimOf } from './device-contract.ts';

const id = z.int().positive();
const attemptOf = z.object({ task_id: id, attempt: z.int().min(1) });

/** POST logs: pieces of run logs, all or none, of attempts that the device holds or held; those of others are left out. */
export const logsBody = z.object({
  pieces: z
    .array(
      attemptOf.extend({
        from_byte: z.int().min(0),
        to_byte: z.int().min(0),
        line_count: z.int().min(0),
        body: z.base64().meta({ description: 'The lines, compressed as in af_task_log.' }),
      }),
    )
    .max(5000),
  trims: z
    .array(attemptOf.extend({ head: z.int().min(0), tail_from: z.int().min(0) }))
    .max(5000)
    .default([]),
});
export const logsAnswer = z.object({ left_out: z.array(attemptOf) });

/** POST logs/written: how far the log of each attempt is stored. */
export const writtenBody = z.object({ attempts: z.array(attemptOf).min(1).max(5000) });
export const writtenAnswer = z.object({ written: z.array(attemptOf.extend({ to_byte: z.int() })) });

/** POST progress: `ProgressRow` of core/db/reports/write-progress.ts. */
export const progressBody = z.object({
  rows: z
    .array(
      claimOf.extend({
        progress: z
          .object({
            done: z.number().min(0),
            total: z.number().min(0).nullable(),
            message: z.string().max(255).nullable(),
          })
          .optional(),
        metrics: z
          .string()
          .max(65_535)
          .nullable()
          .meta({ description: 'JSON text.', examples: ['{"pages":3}'] }),
        usage: z.object({ peak_memory: z.number().nullable(), cpu_ms: z.number().nullable() }).optional(),
        first: z.object({ done: z.number(), age_ms: z.number().min(0) }).optional(),
      }),
    )
    .max(1000),
});
export const progressAnswer = z.object({
  count: z.int().meta({
    description: 'Rows that were written or found unchanged (changed ones count twice); 0 = none is held any more.',
  }),
});

/** POST checkpoints: JSON text. */
export const checkpointBody = claimOf.extend({
  value: z
    .string()
    .max(262_144)
    .meta({ description: 'JSON text.', examples: ['{"page":3}'] }),
});
export const checkpointAnswer = z.object({ held: z.boolean() });
/** POST checkpoints/read: of tasks that the device holds. */
export const checkpointsBody = z.object({ task_ids: z.array(id).min(1).max(1000) });
export const checkpointsAnswer = z.object({ checkpoints: z.array(z.object({ task_id: id, value: z.string() })) });
/** POST checkpoints/delete: by the device that ran the attempt, when the task is done. */
export const checkpointDeleteBody = attemptOf;
export const checkpointDeleteAnswer = z.object({ deleted: z.int() });

export type LogsBody = z.output<typeof logsBody>;
export type ProgressBody = z.output<typeof progressBody>;
