// The section `log`.
import { z } from 'zod';

export const logKeys = z
  .strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    format: z.enum(['text', 'json']).default('text'),
  })
  .prefault({});
