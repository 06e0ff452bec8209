import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { idempotent, type Keep } from '../../core/gateway/idempotency.ts';
import { ownerOnly } from '../protection/own-only.ts';

/**
 * Does the work of a request once for each Idempotency-Key; without the header, each time, and nothing is kept.
 * @throws as `idempotent`
 */
export async function onceByKey<T>(
  gateway: Gateway,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (keep: Keep<T> | undefined) => Promise<T>,
): Promise<T> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return work(undefined);
  const owner = ownerOnly(request);
  // The answer to another one may name what a submitter does not see.
  const route = [request.method, request.url.split('?')[0], ...(owner === undefined ? [] : [owner])].join(' ');
  const { answer, repeated } = await idempotent(gateway, { key, route, body: request.body }, work);
  if (repeated) reply.header('idempotency-replayed', 'true');
  return answer;
}
