import type { Gateway } from '../../core/gateway/gateway.ts';
import { healthAnswer } from '../../http/health-contract.ts';
import type { App } from '../server/app-type.ts';

export function healthRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    schema: {
      operationId: 'health',
      summary: 'Whether this process answers at all.',
      tags: ['health'],
      response: { 200: healthAnswer },
    },
    handler: async () => ({ device_id: gateway.deviceId }),
  });
}
