import { z } from 'zod';
import { deviceId } from './values.ts';

export const healthAnswer = z.object({
  device_id: deviceId.meta({ description: 'Of the gateway.', examples: ['host-1-gateway'] }),
});
