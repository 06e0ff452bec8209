// Sessions of people with a browser.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { beginKeySession, type Client, endSession } from '../../../core/access/begin-session.ts';
import type { LogIn } from '../../../core/access/log-in.ts';
import type { UserRole } from '../../../core/access/roles.ts';
import { IDLE_S, SESSION_S, type SignedIn, sessionHash } from '../../../core/access/session-check.ts';
import { AfdError } from '../../../core/domain/errors.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import { sessionAnswer, signInBody } from '../../../http/access/session-contract.ts';
import { plainJson } from '../../hooks/plain-json.ts';
import type { Identities } from '../../protection/authenticate.ts';
import { networkOf } from '../../protection/client-address.ts';
import { crossSite, strangeOrigin } from '../../protection/same-origin.ts';
import { sessionCookie, sessionCookieOf } from '../../protection/session-cookie.ts';
import { callerOf, envelope } from '../../server/answers.ts';
import type { App } from '../../server/app-type.ts';

/** Also of a request with a key alone. */
type Shown = Omit<SignedIn, 'created_at'> & { created_at: string | null };

const SHOW = ['afd config show'];
const tags = ['sessions'] as const;

export function sessionRoutes(app: App, gateway: Gateway, logIn: LogIn): void {
  app.route({
    method: 'POST',
    url: '/api/v1/session',
    schema: {
      operationId: 'signIn',
      problems: ['E_KEY', 'E_LOGIN', 'E_LOCKED', 'E_ROLE', 'E_CROSS_SITE', 'E_CONFLICT'],
      summary: 'Sign in with a user and password, or with an API key.',
      description:
        'The answer sets a cookie, with which a browser sends its further requests. Failed log-ins lock out for 15 minutes: 429 with `data.locked_until`. Needs `server.auth: keys`.',
      tags,
      example: { body: { user: 'alice', password: 'correct horse battery' } },
      body: signInBody,
      response: { 200: sessionAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { identities } = app;
      if (identities === undefined)
        throw new AfdError('E_CONFLICT', 'server.auth is none: nobody needs to sign in.', { suggestions: SHOW });
      const foreign = strangeOrigin(request);
      if (foreign !== undefined) throw new AfdError('E_CROSS_SITE', foreign);
      const { user, password, api_key } = request.body;
      const client = clientOf(request);
      const text =
        api_key === undefined
          ? await logIn.withPassword(user!, password!, client).catch((error: AfdError) => {
              if (error.code === 'E_LOCKED') reply.header('retry-after', Number(error.data.retry_after));
              throw error;
            })
          : await withKey(gateway, identities, api_key, client);
      await end(request);
      return begunAnswer(gateway, identities, request, reply, text);
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/session',
    schema: {
      operationId: 'whoAmI',
      summary: 'Show who sends the request, and until when the session lasts.',
      tags,
      response: { 200: sessionAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { session, key } = request;
      const own = session ?? (key && { created_at: null, expires_at: key.expires_at, key });
      return gateway.requests.use(async (context) => ({
        session: own === undefined ? null : shownSession(own),
        ...envelope(request, await context.now()),
      }));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/session',
    schema: {
      operationId: 'signOut',
      problems: ['E_CROSS_SITE'],
      summary: 'Sign out: the session ends, and its cookie is removed.',
      tags,
      response: { 204: z.null() },
    },
    async handler(request, reply) {
      const foreign = sessionCookieOf(request) === undefined ? undefined : crossSite(request);
      if (foreign !== undefined) throw new AfdError('E_CROSS_SITE', foreign);
      await end(request);
      reply.header('set-cookie', sessionCookie(request, '', 0));
      return reply.code(204).send(null);
    },
  });

  /** That of the cookie, if it has one. Other gateways believe in it for some seconds more. */
  async function end(request: FastifyRequest): Promise<void> {
    const cookie = sessionCookieOf(request);
    const { identities } = app;
    if (cookie === undefined || identities === undefined) return;
    const checked = await identities.sessions.check(cookie);
    if ('refusal' in checked) return;
    const { user, key } = checked.session;
    const by = callerOf({ user, key, device: undefined, ip: request.ip, id: request.id });
    const hash = sessionHash(cookie)!;
    await gateway.requests.use((context) => endSession(context, hash, checked.session, by));
    identities.sessions.forget(hash);
  }
}

/** @throws AfdError E_KEY, E_ROLE */
async function withKey(gateway: Gateway, { keys }: Identities, text: string, client: Client): Promise<string> {
  const checked = await keys.check(text);
  if ('refusal' in checked) throw new AfdError('E_KEY', `${checked.refusal}.`);
  const { key } = checked;
  if (key.role === 'device')
    throw new AfdError(
      'E_ROLE',
      `The API key ${key.key_id} (${key.name}) has the role device; a session is for people.`,
    );
  return gateway.requests.use((context) => beginKeySession(context, key, client));
}

export function clientOf({ ip, id }: FastifyRequest): Client {
  return { address: ip, network: networkOf(ip), request_id: id };
}

export function shownSession({ created_at, expires_at, user, key }: Shown) {
  return {
    user: user?.name ?? null,
    key_id: key?.key_id ?? null,
    name: user?.name ?? key!.name,
    role: (user ?? key)!.role as UserRole,
    created_at,
    expires_at,
    idle_timeout: created_at === null ? null : IDLE_S,
  };
}

/** The answer that gives the client its new session: the cookie, and whose it is. `text`: what the cookie holds. */
export async function begunAnswer(
  gateway: Gateway,
  identities: Identities,
  request: FastifyRequest,
  reply: Pick<FastifyReply, 'header'>,
  text: string,
) {
  const session = await identities.sessions.begun(text);
  reply.header('set-cookie', sessionCookie(request, text, SESSION_S));
  return gateway.requests.use(async (context) => ({
    session: shownSession(session),
    ...envelope(request, await context.now()),
  }));
}
