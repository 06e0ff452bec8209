import type { Gateway } from '../../core/gateway/gateway.ts';
import { Readiness } from '../../core/gateway/readiness.ts';
import { healthAnswer, readyAnswer } from '../../http/health-contract.ts';
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

  const state = new Readiness(gateway);
  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      operationId: 'ready',
      summary: 'Whether this process can serve: 503 with the reasons while it cannot.',
      description: 'For load balancers. However often it is asked, it asks the database once per second at most.',
      tags: ['health'],
      response: { 200: readyAnswer, 503: readyAnswer },
    },
    handler: async (_request, reply) => {
      const reasons = await state.reasons();
      return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
    },
  });
}
