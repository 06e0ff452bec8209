// What people do with their own password and sessions.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { LogIn } from '../../../core/access/log-in.ts';
import { endOwnSession, ownSessions } from '../../../core/access/own-sessions.ts';
import { sessionHash } from '../../../core/access/session-check.ts';
import { AfdError } from '../../../core/domain/errors.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import {
  ownPasswordAnswer,
  ownPasswordBody,
  ownSessionsAnswer,
  sessionParams,
} from '../../../http/access/user-contract.ts';
import { plainJson } from '../../hooks/plain-json.ts';
import { sessionCookieOf } from '../../protection/session-cookie.ts';
import { callerOf, envelope } from '../../server/answers.ts';
import type { App } from '../../server/app-type.ts';
import { begunAnswer, clientOf } from './session.ts';

const tags = ['sessions'] as const;

export function ownSessionRoutes(app: App, gateway: Gateway, logIn: LogIn): void {
  app.route({
    method: 'POST',
    url: '/api/v1/session/password',
    schema: {
      operationId: 'changeOwnPassword',
      problems: ['E_LOGIN', 'E_LOCKED', 'E_CROSS_SITE', 'E_CONFLICT'],
      summary: 'Change the own password.',
      description:
        'All sessions of the user end, and the answer sets the cookie of a new one. A wrong password counts as a log-in that failed. Only for a person who has signed in: an API key has no password.',
      tags,
      example: { body: { password: 'correct horse battery', new_password: 'staple battery horse' } },
      body: ownPasswordBody,
      response: { 200: ownPasswordAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { name } = personOf(request);
      const { password, new_password: next } = request.body;
      const text = await logIn
        .changePassword(name, { password, next }, clientOf(request), callerOf(request))
        .catch((error: AfdError) => {
          if (error.code === 'E_LOCKED') reply.header('retry-after', Number(error.data.retry_after));
          throw error;
        });
      const hash = hashOf(request);
      if (hash !== undefined) app.identities?.sessions.forget(hash);
      return begunAnswer(gateway, app.identities!, request, reply, text);
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/sessions',
    schema: {
      operationId: 'listSessions',
      problems: ['E_CONFLICT'],
      summary: 'List the own sessions.',
      description: 'Only for a person who has signed in.',
      tags,
      response: { 200: ownSessionsAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { id } = personOf(request);
      return gateway.requests.use(async (context) => {
        const sessions = await ownSessions(context, id, hashOf(request));
        return { sessions, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'DELETE',
    url: '/api/v1/sessions/:session_id',
    schema: {
      operationId: 'endSession',
      problems: ['E_NOT_FOUND', 'E_CROSS_SITE', 'E_CONFLICT'],
      summary: 'End one of the own sessions: gateways refuse it within 5 seconds.',
      description: 'Only for a person who has signed in.',
      tags,
      params: sessionParams,
      response: { 204: z.null() },
    },
    async handler(request, reply) {
      const user = personOf(request);
      const { session_id } = request.params;
      const by = callerOf(request);
      const ended = await gateway.requests.use((context) => endOwnSession(context, user, session_id, by));
      app.identities?.sessions.forget(ended);
      return reply.code(204).send(null);
    },
  });
}

/** @throws AfdError E_CONFLICT */
function personOf({ user }: FastifyRequest): { id: string; name: string } {
  if (user !== undefined) return user;
  throw new AfdError('E_CONFLICT', 'Nobody has signed in here: only a person has a password and sessions.', {
    suggestions: ['afd users ls'],
  });
}

function hashOf(request: FastifyRequest): Buffer | undefined {
  const cookie = sessionCookieOf(request);
  return cookie === undefined ? undefined : sessionHash(cookie);
}
