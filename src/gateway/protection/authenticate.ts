// Whose request it is, and whether its key, session or certificate may do what it asks. Without `server.auth: keys` nobody is asked for one.
import type { FastifyRequest } from 'fastify';
import { parseApiKey } from '../../core/access/api-key.ts';
import { KeyCheck } from '../../core/access/key-check.ts';
import type { KnownKey } from '../../core/access/manage-keys.ts';
import { type Access, mayAccess, type Role, rolesWith, type UserRole } from '../../core/access/roles.ts';
import { SessionCheck, type SignedIn } from '../../core/access/session-check.ts';
import { certificateName } from '../../core/certificates/manage-certificates.ts';
import { AfdError } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { accessOf } from '../../http/operations/access.ts';
import type { App } from '../server/app-type.ts';
import { oneOf } from '../server/invalid-request.ts';
import { sendProblem } from '../server/problem-answers.ts';
import { ToldSeldom } from '../server/told-seldom.ts';
import { crossSite } from './same-origin.ts';
import { sessionCookieOf } from './session-cookie.ts';

export interface Identities {
  keys: KeyCheck;
  sessions: SessionCheck;
  /** Whether a request that is still being answered would be let in now. @throws DatabaseError */
  holds(request: FastifyRequest): Promise<boolean>;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined = nobody is asked who they are. */
    identities: Identities | undefined;
  }
  interface FastifyRequest {
    /** Undefined = it brought none, and none was asked for. Also the key for which its session stands. */
    key: KnownKey | undefined;
    /** Who signed in. */
    user: { id: string; name: string; role: UserRole } | undefined;
    /** By its cookie; a key that comes too is what counts. */
    session: SignedIn | undefined;
    /** Whose certificate its connection showed, one that counts. */
    device: { id: string; fingerprint: string } | undefined;
    /** Id of a key that was refused, as its text has it. */
    refusedKeyId: string | undefined;
  }
}

const NOTHING = 'The request has no API key, and nobody has signed in';
const BEARER = /^Bearer +(\S+) *$/i;

/** Before the routes, and after the certificates. */
export function authenticate(app: App, gateway: Gateway): void {
  const { auth } = gateway.context.config.server;
  app.decorateRequest('key', undefined);
  app.decorateRequest('user', undefined);
  app.decorateRequest('session', undefined);
  app.decorateRequest('device', undefined);
  app.decorateRequest('refusedKeyId', undefined);
  if (auth === 'none') {
    app.decorate('identities', undefined);
    return;
  }
  const warn = (message: string) => gateway.context.events.emit('warning', { message });
  const strangers = new ToldSeldom(warn);
  const keys = new KeyCheck((work) => gateway.requests.use(work), warn);
  const sessions = new SessionCheck((work) => gateway.requests.use(work));
  const holds = async (request: FastifyRequest) => {
    const text = keyOf(request);
    if (text !== undefined) return 'key' in (await keys.check(text));
    const cookie = sessionCookieOf(request);
    return cookie === undefined || sessions.holds(cookie);
  };
  app.decorate('identities', { keys, sessions, holds });
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
    const cookie = text === undefined ? sessionCookieOf(request) : undefined;
    if (cookie !== undefined) {
      const checked = await sessions.check(cookie);
      if ('refusal' in checked) return refuse(new AfdError('E_KEY', `${checked.refusal}.`));
      const foreign = crossSite(request);
      if (foreign !== undefined) {
        strangers.say(`${request.ip}: ${foreign}`);
        return refuse(new AfdError('E_CROSS_SITE', foreign));
      }
      request.session = checked.session;
      request.user = checked.session.user;
      request.key = checked.session.key;
    } else if (text !== undefined || shown === undefined) {
      const checked = text === undefined ? { refusal: NOTHING } : await keys.check(text);
      if ('refusal' in checked) {
        request.refusedKeyId = parseApiKey(text ?? '')?.id;
        return refuse(new AfdError('E_KEY', `${checked.refusal}.`));
      }
      request.key = checked.key;
    }
    const role = roleOf(request);
    if (mayAccess(role, access)) return;
    const needed = oneOf(rolesWith(access));
    const message = `${nameOf(request)} has the role ${role}; this operation needs ${needed}.`;
    return refuse(new AfdError('E_ROLE', message));
  });
  // What a device has is for what that device does, whichever part of the request names it.
  app.addHook('preHandler', async (request, reply) => {
    const { key, device } = request;
    const only = device !== undefined && roleOf(request) === 'device' ? device.id : key?.device_id;
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

/** Why this caller may not do that; undefined = they may, or nobody is asked who they are. */
export function cannot(request: FastifyRequest, access: Access): string | undefined {
  if (request.server.identities === undefined) return undefined;
  const role = roleOf(request);
  return mayAccess(role, access) ? undefined : `the role ${role} may not`;
}

/** A certificate alone is a device's. */
export function roleOf({ user, key }: FastifyRequest): Role {
  return user?.role ?? key?.role ?? 'device';
}

/** What a request has to show. */
function nameOf(request: FastifyRequest): string {
  const { user, key, device } = request;
  if (user !== undefined) return `The user ${user.name}`;
  if (device !== undefined && roleOf(request) === 'device') return certificateName(device.fingerprint);
  return `The API key ${keyName(key!)}`;
}

function keyName({ key_id, name }: KnownKey): string {
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
