// Whose request it is, and whether its key or certificate may do what it asks. Without `server.auth: keys` nobody is asked for one.
import type { FastifyRequest } from 'fastify';
import { parseApiKey } from '../../core/access/api-key.ts';
import { KeyCheck } from '../../core/access/key-check.ts';
import type { KeyRow } from '../../core/access/manage-keys.ts';
import { mayAccess, rolesWith } from '../../core/access/roles.ts';
import { certificateName } from '../../core/certificates/manage-certificates.ts';
import { AfdError } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { accessOf } from '../../http/operations/access.ts';
import type { App } from '../server/app-type.ts';
import { sendProblem } from '../server/problem-answers.ts';
import { ToldSeldom } from '../server/told-seldom.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined = it brought none, and none was asked for. */
    key: KeyRow | undefined;
    /** Whose certificate its connection showed, one that counts. */
    device: { id: string; fingerprint: string } | undefined;
    /** Id of a key that was refused, as its text has it. */
    refusedKeyId: string | undefined;
  }
}

const BEARER = /^Bearer +(\S+) *$/i;

/** Before the routes, and after the certificates. */
export function authenticate(app: App, gateway: Gateway): void {
  const { auth } = gateway.context.config.server;
  app.decorateRequest('key', undefined);
  app.decorateRequest('device', undefined);
  app.decorateRequest('refusedKeyId', undefined);
  if (auth === 'none') return;
  const warn = (message: string) => gateway.context.events.emit('warning', { message });
  const strangers = new ToldSeldom(warn);
  const keys = new KeyCheck((work) => gateway.requests.use(work), warn);
  const { certificates } = app;
  app.addHook('onRequest', async (request, reply) => {
    const access = accessOf(operationOf(request));
    if (access === 'public' || request.is404) return;
    const refuse = (error: AfdError) => {
      if (error.code === 'E_KEY') reply.header('www-authenticate', 'Bearer realm="afd"');
      return sendProblem(error, request, reply);
    };
    const shown = await certificates.of(request);
    if (shown !== undefined && 'refusal' in shown) return refuse(new AfdError('E_CERTIFICATE', `${shown.refusal}.`));
    request.device = shown?.device;
    if (access === 'device' && certificates.required && shown === undefined)
      return refuse(
        new AfdError('E_CERTIFICATE', 'The request has no device certificate, and this gateway asks for one.'),
      );
    const text = keyOf(request);
    if (text !== undefined || shown === undefined) {
      const checked = text === undefined ? { refusal: 'The request has no API key' } : await keys.check(text);
      if ('refusal' in checked) {
        request.refusedKeyId = parseApiKey(text ?? '')?.id;
        return refuse(new AfdError('E_KEY', `${checked.refusal}.`));
      }
      request.key = checked.key;
    }
    const role = request.key?.role ?? 'device';
    if (mayAccess(role, access)) return;
    const needed = rolesWith(access).join(' or ');
    const message = `${nameOf(request)} has the role ${role}; this operation needs ${needed}.`;
    return refuse(new AfdError('E_ROLE', message));
  });
  // What a device has is for what that device does, whichever part of the request names it.
  app.addHook('preHandler', async (request, reply) => {
    const { key, device } = request;
    const only = device !== undefined && (key?.role ?? 'device') === 'device' ? device.id : key?.device_id;
    if (only === null || only === undefined) return;
    const named = devicesOf(request);
    // A key is of the same device as the certificate that comes with it.
    const all = typeof key?.device_id === 'string' ? [...named, key.device_id] : named;
    if (named.length > 0 && all.every((one) => one.toLowerCase() === only.toLowerCase())) return;
    const also = key !== undefined && device !== undefined ? `, which came with ${keyName(key)}` : '';
    const others = named.join(', ') || 'none';
    const message = `${nameOf(request)} is for the device ${only}${also}; the request names ${others}.`;
    strangers.say(`${request.ip}: ${message}`);
    const suggestions = device === undefined ? {} : { suggestions: ['afd devices certificates ls'] };
    return sendProblem(new AfdError('E_ROLE', message, suggestions), request, reply);
  });
}

/** What a request has to show. */
function nameOf({ key, device }: FastifyRequest): string {
  if (device !== undefined && (key?.role ?? 'device') === 'device') return certificateName(device.fingerprint);
  return `The API key ${keyName(key!)}`;
}

function keyName({ key_id, name }: KeyRow): string {
  return `${key_id} (${name})`;
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
