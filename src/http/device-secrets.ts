// The secrets that a task of a remote worker refers to.
import { z } from 'zod';
import { claimOf } from './device-contract.ts';

const name = z
  .string()
  .min(1)
  .max(128)
  .meta({ examples: ['shop/42'] });
const base64 = (most: number) => z.base64().min(1).max(most);

/** POST secrets: for a task that the device holds. */
export const secretsBody = claimOf.extend({
  names: z.array(name).min(1).max(100),
  public_key: base64(256).meta({
    description:
      'P-256 key that the worker made for this request: the uncompressed point, in base64. Values come encrypted to it: AES-256-GCM under HKDF-SHA-256 of the shared secret.',
    examples: ['BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU='],
  }),
});
export const secretsAnswer = z.object({
  held: z.boolean(),
  secrets: z.array(
    z.union([
      z.object({
        name,
        public_key: base64(256).meta({ description: 'Key of the gateway for this answer.' }),
        sealed: base64(262_144).meta({
          description: 'Initialization vector (12 bytes), encrypted JSON text, tag (16 bytes).',
        }),
      }),
      z.object({
        name,
        problem: z.enum(['secret_missing', 'secret_not_granted', 'secret_key', 'secret_unreadable']),
        message: z.string(),
      }),
    ]),
  ),
});

export type SecretsBody = z.output<typeof secretsBody>;
