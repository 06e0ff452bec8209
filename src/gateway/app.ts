// The HTTP server of a gateway: what every route has in common. The routes parse, call core once, and answer.
import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Gateway } from '../core/gateway/gateway.ts';
import { describeApi } from './description/describe-api.ts';
import { accessLog } from './hooks/access-log.ts';
import { compression } from './hooks/compression.ts';
import { ownChanges } from './hooks/own-changes.ts';
import { operatorRoutes } from './operator-routes.ts';
import { LIMITS, type Limits } from './protection/limits.ts';
import { protect } from './protection/protect.ts';
import { serverOptions } from './protection/server-options.ts';
import { certificateRoutes } from './routes/access/certificates.ts';
import { adminRoutes } from './routes/admin.ts';
import { descriptionRoutes } from './routes/description.ts';
import { deviceRoutes } from './routes/devices.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { remoteRoutes } from './routes/remote.ts';
import { remoteReportRoutes } from './routes/remote-reports.ts';
import { resultRoutes } from './routes/results.ts';
import { nextTaskRoutes } from './routes/tasks-next.ts';
import type { App } from './server/app-type.ts';
import type { Certificate } from './server/certificate.ts';
import { answerProblem, noRoute } from './server/problem-answers.ts';
import { securityHeaders } from './server/security-headers.ts';

export type { App };

/** Not listening yet. Its caller closes it before the gateway stops. `limits`: in place of those of limits.ts. */
export async function buildApp(
  gateway: Gateway,
  limits: Partial<Limits> = {},
  certificate?: Certificate,
): Promise<App> {
  const all = { ...LIMITS, ...limits };
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    ...serverOptions(gateway, all, certificate),
  }).withTypeProvider<ZodTypeProvider>() as App;
  app.decorate('known', gateway.context.known);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  accessLog(app, gateway);
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  securityHeaders(app, certificate !== undefined);
  app.setErrorHandler(answerProblem(gateway));
  app.setNotFoundHandler(noRoute);
  await protect(app, gateway, all, certificate?.clients);
  // Before the routes, which it describes.
  await describeApi(app, gateway.version);
  // Those who wait are answered, and no answer is lost. A gateway that never ran has none.
  app.addHook('preClose', async () => {
    if (gateway.deviceId !== '') gateway.devices.endWaits();
  });
  ownChanges(app, gateway);
  await compression(app);
  healthRoutes(app, gateway);
  await operatorRoutes(app, gateway);
  adminRoutes(app, gateway);
  certificateRoutes(app, gateway);
  deviceRoutes(app, gateway);
  nextTaskRoutes(app, gateway);
  resultRoutes(app, gateway);
  remoteRoutes(app, gateway);
  remoteReportRoutes(app, gateway);
  eventRoutes(app, gateway);
  descriptionRoutes(app);
  return app;
}
