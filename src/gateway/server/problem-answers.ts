// Every error becomes a problem document. What is no error of afd is a bug: its text stays in the log.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AfdError, ERROR_CODES, type ErrorCode } from '../../core/domain/errors.ts';
import type { KnownSecrets } from '../../core/domain/redaction/known-secrets.ts';
import { databaseProblem } from '../../core/gateway/database-problem.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { shownError } from '../../core/gateway/shown-error.ts';
import { redact, redactText } from '../../core/log/redact.ts';
import { PROBLEM_TYPE, type Problem } from '../../http/problem.ts';
import { invalidRequest } from './invalid-request.ts';
import { ToldSeldom } from './told-seldom.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** What no answer shows. */
    known: KnownSecrets;
  }
}

/** HTTP status of each code of the registry. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  E_FAILED: 500,
  E_STUCK: 500,
  E_INTERNAL: 500,
  E_USAGE: 400,
  E_NOT_FOUND: 404,
  E_FORBIDDEN: 403,
  E_KEY: 401,
  E_LOGIN: 401,
  E_LOCKED: 429,
  E_CROSS_SITE: 403,
  E_CERTIFICATE: 401,
  E_ROLE: 403,
  E_CONFLICT: 409,
  E_DEVICE_RUNNING: 409,
  E_SUPERSEDED: 409,
  E_PARTIAL: 207,
  E_TIMED_OUT: 504,
  E_TASK_FAILED: 200,
  E_DATABASE: 503,
  E_SERVER_MISSING: 503,
  E_UNCAUGHT: 500,
  E_TEMPORARY: 503,
  E_CONFIG: 500,
  E_HANDLER_MISSING: 500,
  E_SCHEMA: 503,
};

/** Seconds after which a client may try again. */
const RETRY_AFTER_S = 2;

export function problemOf(error: AfdError, request: FastifyRequest, status = HTTP_STATUS[error.code]): Problem {
  const database = databaseProblem(error);
  const { message, suggestions, data } = shownError(error);
  const { mask } = request.server.known;
  return {
    type: `/docs/errors#${error.code}`,
    title: ERROR_CODES[error.code].means,
    status,
    detail: redactText(message, { mask }),
    code: error.code,
    suggestions: suggestions.map((one) => redactText(one, { mask })),
    request_id: request.id,
    ...(Object.keys(data).length > 0 ? { data: redact(data, { mask }) as typeof data } : {}),
    ...(database === undefined ? {} : { database }),
  };
}

export function sendProblem(
  error: AfdError,
  request: FastifyRequest,
  reply: FastifyReply,
  status?: number,
): FastifyReply {
  const body = problemOf(error, request, status);
  reply.problem = error.code;
  if (body.status === 503) reply.header('retry-after', RETRY_AFTER_S);
  return reply.code(body.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(body);
}

export function answerProblem(gateway: Gateway) {
  const seldom = new ToldSeldom((message) => gateway.context.events.emit('warning', { message }));
  return (error: FastifyError | AfdError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof AfdError) {
      if (HTTP_STATUS[error.code] === 500) tellBug(gateway, error, request);
      // While the database is away, the watch has said why.
      else if (shownError(error) !== error && gateway.watch.away === undefined) seldom.say(failure(error, request));
      return sendProblem(error, request, reply);
    }
    if (hasZodFastifySchemaValidationErrors(error)) {
      const problems = error.validation.map(({ instancePath, keyword, message = '', params }) => ({
        ...params,
        path: instancePath.split('/').filter((part) => part !== ''),
        code: keyword,
        message,
      }));
      return sendProblem(invalidRequest(problems), request, reply);
    }
    const { statusCode = 500 } = error;
    if (statusCode < 500) return sendProblem(new AfdError('E_USAGE', error.message), request, reply, statusCode);
    tellBug(gateway, error, request);
    const hidden = new AfdError(
      'E_INTERNAL',
      `The request failed; the log of the gateway has the cause under ${request.id}.`,
    );
    return sendProblem(hidden, request, reply);
  };
}

function tellBug(gateway: Gateway, error: Error, request: FastifyRequest): void {
  gateway.context.events.emit('warning', { message: failure(error, request) });
}

/** With the whole text of the error. */
function failure({ message }: Error, { id, method, routeOptions }: FastifyRequest): string {
  return `request ${id} (${method} ${routeOptions.url ?? 'no route'}) failed: ${message}`;
}

export function noRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = new AfdError('E_NOT_FOUND', `There is no ${request.method} ${request.url.split('?')[0]}.`);
  return sendProblem(error, request, reply);
}
