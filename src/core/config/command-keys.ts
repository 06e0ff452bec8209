// The keys of handlers.<type> that apply to commands only (`user`: to processes), beside the older ones in config-schema.ts.
import { z } from 'zod';
import { bytes } from './config-values.ts';

const MEGABYTE = 1024 ** 2;
const TERABYTE = 1024 ** 4;

const whole = (low: number, high: number) => {
  const error = `must be a whole number from ${low} to ${high}`;
  return z.number({ error }).refine((n) => Number.isInteger(n) && n >= low && n <= high, { error });
};

/** Relative, without a way out: `*` and `?` stand for characters of one name. */
const artifact = z
  .string()
  .min(1)
  .max(255)
  .refine((text) => !text.includes('\0') && text.split('/').every((part) => !['', '.', '..'].includes(part)), {
    error: 'must be a name or path inside the working folder, such as "report.csv" or "out/*.png"',
  });

/** A name as passwd has it, `uid`, or `uid:gid`; YAML makes a number of digits. */
const user = z
  .union([z.string(), z.number().int().nonnegative().transform(String)], {
    error: 'must be a user: a name, uid or uid:gid',
  })
  .refine((text) => /^(?:\d{1,10}(?::\d{1,10})?|[A-Za-z_][\w.-]{0,30}\$?)$/.test(text), {
    error: 'must be a user: a name, uid or uid:gid',
  });

export const commandKeys = {
  /** As whom the process runs; the worker must be root. */
  user: user.optional(),
  /** Of one attempt: the command and everything that it starts. */
  limits: z
    .strictObject({
      memory: bytes(MEGABYTE, TERABYTE).optional(),
      nice: whole(-20, 19).optional(),
      open_files: whole(16, 1_048_576).optional(),
      output: bytes(1, TERABYTE).optional(),
    })
    .default({}),
  /** Whether the working folder of a failed attempt stays. */
  keep_folder: z.enum(['never', 'on-failure'], { error: 'must be one of never, on-failure' }).default('never'),
  umask: z
    .string({ error: 'must be octal digits in quotes, such as "077"' })
    .regex(/^0?[0-7]{3}$/, 'must be octal digits in quotes, such as "077"')
    .optional(),
  files: z.strictObject({ keep: z.array(artifact).max(100).default([]) }).prefault({}),
};
