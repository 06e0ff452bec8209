// Whose request it is, and whether its key may do what it asks. Without `server.auth: keys` nobody is asked for one.
import type { FastifyRequest } from 'fastify';
import { parseApiKey } from '../../core/access/api-key.ts';
import { KeyCheck } from '../../core/access/key-check.ts';
import type { KeyRow } from '../../core/access/manage-keys.ts';
import { mayAccess, rolesWith } from '../../core/access/roles.ts';
import { AfdError } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { accessOf } from '../../http/operations/access.ts';
import type { App } from '../server/app-type.ts';
import { sendProblem } from '../server/problem-answers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined = it brought none, and none was asked for. */
    key: KeyRow | undefined;
    /** Id of a key that was refused, as its text has it. */
    refusedKeyId: string | undefined;
  }
}

const BEARER = /^Bearer +(\S+) *$/i;

/** Before the routes. */
export function authenticate(app: App, gateway: Gateway): void {
  const { auth } = gateway.context.config.server;
  app.decorateRequest('key', undefined);
  app.decorateRequest('refusedKeyId', undefined);
  if (auth === 'none') return;
  const keys = new KeyCheck(
    (work) => gateway.requests.use(work),
    (message) => gateway.context.events.emit('warning', { message }),
  );
  app.addHook('onRequest', async (request, reply) => {
    const access = accessOf(operationOf(request));
    if (access === 'public' || request.is404) return;
    const text = keyOf(request);
    const checked = text === undefined ? { refusal: 'The request has no API key' } : await keys.check(text);
    if ('refusal' in checked) {
      request.refusedKeyId = parseApiKey(text ?? '')?.id;
      reply.header('www-authenticate', 'Bearer realm="afd"');
      return sendProblem(new AfdError('E_KEY', `${checked.refusal}.`), request, reply);
    }
    request.key = checked.key;
    if (mayAccess(checked.key.role, access)) return;
    const { name, key_id, role } = checked.key;
    const allowed = rolesWith(access).join(' or ');
    const message = `The API key ${key_id} (${name}) has the role ${role}; this operation needs ${allowed}.`;
    return sendProblem(new AfdError('E_ROLE', message), request, reply);
  });
  // A device's own key is for what that device does, whichever part of the request names it.
  app.addHook('preHandler', async (request, reply) => {
    const only = request.key?.device_id;
    if (only === null || only === undefined) return;
    const named = devicesOf(request);
    if (named.length > 0 && named.every((one) => one.toLowerCase() === only.toLowerCase())) return;
    const message = `The API key ${request.key!.key_id} is for the device ${only}; the request names ${named.join(', ') || 'none'}.`;
    return sendProblem(new AfdError('E_ROLE', message), request, reply);
  });
}

function operationOf(request: FastifyRequest): string | undefined {
  return (request.routeOptions.schema as { operationId?: string } | undefined)?.operationId;
}

function keyOf({ headers }: FastifyRequest): string | undefined {
  const { authorization, 'x-api-key': own } = headers;
  if (authorization !== undefined) return BEARER.exec(authorization)?.[1] ?? '';
  return typeof own === 'string' ? own : undefined;
}

function devicesOf({ params, query, body }: FastifyRequest): string[] {
  return [params, query, body].flatMap((part) => {
    const id = (part as { device_id?: unknown } | null | undefined)?.device_id;
    return typeof id === 'string' ? [id] : [];
  });
}
