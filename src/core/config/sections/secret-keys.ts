// The section `secrets`: where this machine has the key with which secrets are encrypted.
import { z } from 'zod';

const SOURCES = ['key_file', 'key_credential', 'key_command'] as const;

export const secretKeys = z
  .strictObject({
    /** Relative to the configuration file; only its owner may read it. */
    key_file: z.string().min(1).optional(),
    /** Name of a credential that systemd passes (LoadCredential=). */
    key_credential: z
      .string()
      .regex(/^[\w-][\w.-]{0,254}$/, 'must be the name of a credential: letters, digits, ".", "_" and "-"')
      .optional(),
    /** argv of a program that prints the keys; never a shell line. */
    key_command: z.array(z.string()).min(1).max(100).optional(),
  })
  .refine((given) => SOURCES.filter((name) => given[name] !== undefined).length <= 1, {
    message: 'takes one of key_file, key_credential and key_command',
  })
  .prefault({});
