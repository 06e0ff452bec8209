// Sign-in at an OpenID provider: to it, and back. What must be remembered meanwhile is in a cookie of the browser, so any gateway may be
// the one to which it comes back.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { beginOpenIdSession } from '../../../core/access/begin-session.ts';
import { OpenIdProvider } from '../../../core/access/openid-provider.ts';
import { openIdSettings } from '../../../core/access/openid-settings.ts';
import { SESSION_S } from '../../../core/access/session-check.ts';
import { CALLBACK_PATH } from '../../../core/config/config-values.ts';
import { AfdError } from '../../../core/domain/errors.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import { openIdCallbackQuery, openIdQuery, returnPath } from '../../../http/access/openid-contract.ts';
import { documentOf, html, PAGE_HEADERS } from '../../description/html.ts';
import { openIdCookie, openIdCookieOf, sessionCookie } from '../../protection/session-cookie.ts';
import type { App } from '../../server/app-type.ts';
import { ToldSeldom } from '../../server/told-seldom.ts';
import { clientOf } from './session.ts';

/** Seconds that somebody may take at the provider. */
const PENDING_S = 600;
const SHOW = ['afd config show'];
const tags = ['sessions'] as const;

const pendingCookie = z.strictObject({
  state: z.string().min(1),
  nonce: z.string().min(1),
  verifier: z.string().min(1),
  return_to: returnPath,
});

/** @throws AfdError E_CONFIG */
export async function openIdRoutes(app: App, gateway: Gateway): Promise<void> {
  const { context } = gateway;
  const settings = await openIdSettings(context.resolved);
  if (settings?.clientSecret !== undefined) context.known.add([settings.clientSecret]);
  const told = new ToldSeldom((message) => context.events.emit('warning', { message }));
  const provider = settings && new OpenIdProvider(settings, (sentence) => told.say(sentence));

  app.route({
    method: 'GET',
    url: '/api/v1/session/oidc',
    exposeHeadRoute: false,
    schema: {
      operationId: 'signInWithOpenId',
      problems: ['E_CONFLICT'],
      summary: 'Send the browser to the OpenID provider of `server.oidc`, to sign in there.',
      description: 'A page links here. The browser comes back to `finishOpenId`. Needs `server.auth: keys`.',
      tags,
      querystring: openIdQuery,
      response: { 302: z.null().meta({ description: 'To the provider; a cookie holds the sign-in for 10 minutes.' }) },
    },
    async handler(request, reply) {
      const { url, pending } = await configured().begin();
      const text = JSON.stringify({ ...pending, return_to: request.query.return_to });
      reply.header('set-cookie', openIdCookie(request, Buffer.from(text).toString('base64url'), PENDING_S));
      return reply.redirect(url, 302) as never;
    },
  });

  app.route({
    method: 'GET',
    url: CALLBACK_PATH,
    // It would use the code.
    exposeHeadRoute: false,
    schema: {
      operationId: 'finishOpenId',
      problems: ['E_LOGIN', 'E_CONFLICT'],
      summary: 'Sign in whom the OpenID provider has signed in.',
      description:
        'The provider sends the browser here. The answer sets the cookie of a session, as `signIn` does, for the user of afd whose name the provider says.',
      tags,
      querystring: openIdCallbackQuery,
      response: {
        200: {
          description: 'A page that goes on to the path of the sign-in.',
          content: { 'text/html': { schema: z.string().meta({ examples: ['<!doctype html>…'] }) } },
        },
      },
    },
    async handler(request, reply) {
      const one = configured();
      const pending = pendingOf(request);
      // It is for one answer, whatever comes of that.
      reply.header('set-cookie', openIdCookie(request, '', 0));
      if (pending === undefined || pending.state !== request.query.state)
        throw new AfdError(
          'E_LOGIN',
          'This sign-in was not begun in this browser, or it took longer than 10 minutes: begin again.',
        );
      const client = clientOf(request);
      const query = request.url.slice(request.url.indexOf('?'));
      const person = await one.finish(query, pending, client.network);
      const text = await gateway.requests.use((own) => beginOpenIdSession(own, person, client));
      reply.header('set-cookie', sessionCookie(request, text, SESSION_S));
      const { return_to } = pending;
      // No redirect: a browser that comes from another site sends a Strict cookie from the next page on.
      reply.headers({ ...PAGE_HEADERS, refresh: `0; url=${return_to}` }).type('text/html; charset=utf-8');
      return reply.send(documentOf('Signed in', html`<p>You are signed in. <a href="${return_to}">Go on</a></p>`));
    },
  });

  /** @throws AfdError E_CONFLICT */
  function configured(): OpenIdProvider {
    const missing = app.identities === undefined ? 'server.auth is none' : 'server.oidc is not configured';
    if (provider !== undefined && app.identities !== undefined) return provider;
    throw new AfdError('E_CONFLICT', `${missing}: nobody signs in by OpenID Connect.`, { suggestions: SHOW });
  }
}

function pendingOf(request: FastifyRequest): z.output<typeof pendingCookie> | undefined {
  try {
    const text = Buffer.from(openIdCookieOf(request) ?? '', 'base64url').toString();
    return pendingCookie.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
