import { z } from 'zod';
import { deviceId } from './values.ts';

export const healthAnswer = z.object({
  device_id: deviceId.meta({ description: 'Of the gateway.', examples: ['host-1-gateway'] }),
});

/** Why a gateway cannot serve: `Readiness` of core/gateway. */
export const readyAnswer = z.object({
  ready: z.boolean().meta({ examples: [true] }),
  reasons: z
    .array(z.object({ reason: z.enum(['stopping', 'database', 'schema', 'overloaded']), message: z.string() }))
    .meta({ description: 'Why not.', examples: [[]] }),
});
