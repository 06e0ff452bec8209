// How often a client may ask: by its address, and by what it says it is (its key or session, else its device).
import { createHash } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import { AfdError } from '../../core/domain/errors.ts';
import type { App } from '../server/app-type.ts';
import { sendProblem } from '../server/problem-answers.ts';
import { networkOf } from './client-address.ts';
import type { Limits } from './limits.ts';
import { sessionCookieOf } from './session-cookie.ts';

const WINDOW_MS = 1000;
/** Clients that are remembered; of more, those that have asked last. */
const REMEMBERED = 20_000;
/** A load balancer must see that a gateway lives, whatever others do to it. */
const FREE = new Set(['/healthz', '/readyz']);

/** Before the routes. Counts are those of this process. */
export async function limitRates(
  app: App,
  limits: Pick<Limits, 'requestsPerAddress' | 'requestsPerKey'>,
  tell: (sentence: string) => void,
): Promise<void> {
  await app.register(rateLimit, { global: false, cache: REMEMBERED });
  const common = { timeWindow: WINDOW_MS, cache: REMEMBERED };
  const byAddress = app.createRateLimit({
    ...common,
    max: limits.requestsPerAddress,
    keyGenerator: (request) => networkOf(request.ip),
  });
  const byKey = app.createRateLimit({ ...common, max: limits.requestsPerKey, keyGenerator: (one) => keyOf(one) ?? '' });
  app.addHook('onRequest', async (request, reply) => {
    if (FREE.has(request.routeOptions.url ?? '')) return;
    const found = [await byAddress(request), ...(keyOf(request) === undefined ? [] : [await byKey(request)])];
    for (const one of found) {
      if (one.isAllowed || !one.isExceeded) continue;
      tell(`requests from ${request.ip} are refused with 429: more than ${one.max} in a second`);
      reply.header('retry-after', Math.max(1, one.ttlInSeconds));
      await sendProblem(
        new AfdError(
          'E_TEMPORARY',
          `More than ${one.max} requests came within a second from this ${one === found[0] ? 'address' : 'client'}.`,
        ),
        request,
        reply,
        429,
      );
      return reply;
    }
  });
}

/** What tells clients of one address apart. A secret is only kept as its hash. */
function keyOf(request: FastifyRequest): string | undefined {
  const { authorization, 'x-api-key': key } = request.headers;
  const secret = authorization ?? (typeof key === 'string' ? key : sessionCookieOf(request));
  if (secret !== undefined) return createHash('sha256').update(secret).digest('base64');
  const { device_id: inPath } = (request.params ?? {}) as Record<string, unknown>;
  const { device_id: inQuery } = (request.query ?? {}) as Record<string, unknown>;
  const device = inPath ?? inQuery;
  return typeof device === 'string' ? `device ${device.slice(0, 64)}` : undefined;
}
