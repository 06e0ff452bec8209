// Certificates of devices.
import { z } from 'zod';
import { answered, deviceId, instant } from '../values.ts';

const csr = z
  .string()
  .min(1)
  .max(4096)
  .meta({
    description: 'Certificate request (PEM) that an EC P-256 key has signed. Its names are ignored.',
    examples: ['-----BEGIN CERTIFICATE REQUEST-----\n…\n-----END CERTIFICATE REQUEST-----\n'],
  });

export const enrollBody = z.strictObject({
  code: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: 'As `afd devices invite` printed it.', examples: ['k3Jd92QaXv81LmZ0pR4tYw7c'] }),
  csr,
  device_id: deviceId.optional().meta({
    description: 'The request is refused when the code is for another device.',
    examples: ['worker-001'],
  }),
});
export const renewBody = z.strictObject({ csr });

export const certificateAnswer = z.object({
  device_id: z.string(),
  certificate: z.string().meta({
    description: 'PEM.',
    examples: ['-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n'],
  }),
  fingerprint: z.string().meta({
    description: 'SHA-256 of the certificate.',
    examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
  }),
  expires_at: instant,
  lifetime: z.int().meta({ description: 'Seconds for which it is valid.', examples: [604_800] }),
  ...answered,
});
