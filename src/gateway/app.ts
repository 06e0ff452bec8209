// The HTTP server of a gateway: what every route has in common. The routes parse, call core once, and answer.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type RawServerDefault } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Gateway } from '../core/gateway/gateway.ts';
import { operatorRoutes } from './operator-routes.ts';
import { answerProblem, noRoute } from './problem-answers.ts';
import { healthRoutes } from './routes/health.ts';

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
  healthRoutes(app, gateway);
  operatorRoutes(app, gateway);
  return app;
}
