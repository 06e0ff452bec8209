// The HTTP server of a gateway: what every route has in common. The routes parse, call core once, and answer.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Gateway } from '../core/gateway/gateway.ts';
import { compression } from './hooks/compression.ts';
import { answerProblem, noRoute } from './problem-answers.ts';
import { adminRoutes } from './routes/admin.ts';
import { deviceRoutes } from './routes/devices.ts';
import { healthRoutes } from './routes/health.ts';
import { remoteRoutes } from './routes/remote.ts';
import { remoteReportRoutes } from './routes/remote-reports.ts';
import { resultRoutes } from './routes/results.ts';
import { nextTaskRoutes } from './routes/tasks-next.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** Longest body of a request, in bytes. */
const BODY_MOST = 1024 * 1024;

/** Not listening yet. Its caller closes it before the gateway stops. */
export async function buildApp(gateway: Gateway): Promise<App> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_MOST,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    return503OnClosing: true,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.setErrorHandler(answerProblem(gateway));
  app.setNotFoundHandler(noRoute);
  // Those who wait are answered, and no answer is lost.
  app.addHook('preClose', async () => gateway.devices.endWaits());
  await compression(app);
  healthRoutes(app, gateway);
  adminRoutes(app, gateway);
  deviceRoutes(app, gateway);
  nextTaskRoutes(app, gateway);
  resultRoutes(app, gateway);
  remoteRoutes(app, gateway);
  remoteReportRoutes(app, gateway);
  return app;
}
