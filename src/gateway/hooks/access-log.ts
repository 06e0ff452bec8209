// The access log: a line for each request with the pattern of its route, never its URL, whose path and query may hold anything.
import type { FastifyReply } from 'fastify';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { monotonic } from '../../core/runtime/clock.ts';
import type { App } from '../server/app-type.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Code of the problem that is the answer. */
    problem: string | undefined;
  }
}

/** No key or certificate that is valid, or a role that may not: these are logged in any case. */
const REFUSED = new Set(['E_KEY', 'E_CERTIFICATE', 'E_ROLE']);

/** Before all other hooks, so that a request that these answer has its line too. */
export function accessLog(app: App, { context }: Gateway): void {
  const { log, config } = context;
  const all = config.server.access_log;
  app.decorateReply('problem', undefined);
  app.addHook('onRequest', async (request, reply) => {
    const began = monotonic();
    const { socket } = request.raw;
    const before = socket.bytesWritten;
    // When the connection is closed, it has no address any more.
    const { ip } = request;
    // Also of streams, and of answers that the client did not wait for.
    reply.raw.once('close', () => {
      const refused = reply.problem !== undefined && REFUSED.has(reply.problem);
      if (!all && !refused) return;
      const { method, routeOptions, id, key, device, refusedKeyId } = request;
      const { statusCode: status, writableFinished } = reply.raw;
      const route = routeOptions.url ?? null;
      log.info(`${method} ${route ?? 'no route'} ${status}`, {
        event: 'http:request',
        ...{ request_id: id, key_id: key?.key_id ?? null, address: ip, method, route, status },
        ms: Math.round((monotonic() - began) * 10) / 10,
        bytes: Math.max(0, socket.bytesWritten - before) || bodyLength(reply),
        ...(reply.problem === undefined ? {} : { code: reply.problem }),
        ...(device === undefined ? {} : { client_device_id: device.id }),
        ...(refusedKeyId === undefined ? {} : { refused_key_id: refusedKeyId }),
        ...(writableFinished ? {} : { cut: true }),
      });
    });
  });
}

function bodyLength(reply: FastifyReply): number {
  return Number(reply.raw.getHeader('content-length') ?? 0);
}
