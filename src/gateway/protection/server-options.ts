// The limits that the HTTP server itself keeps.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AfdError } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { type Certificate, tlsOptions } from '../server/certificate.ts';
import { sendProblem } from '../server/problem-answers.ts';
import { ToldSeldom } from '../server/told-seldom.ts';
import { BODY_LIMIT, type Limits } from './limits.ts';
import { answerMalformed } from './malformed.ts';
import { RefusableMessage } from './refusable-message.ts';

/** Longest path parameter, in characters. */
const PARAMETER_LENGTH = 200;

/** `certificate`: with one it speaks TLS. */
export function serverOptions(gateway: Gateway, limits: Limits, certificate?: Certificate) {
  const { events, config } = gateway.context;
  const malformed = new ToldSeldom((message) => events.emit('warning', { message }));
  const { trusted_proxies } = config.server;
  const http = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    connectionsCheckingInterval: limits.checkMs,
    IncomingMessage: RefusableMessage,
  };
  return {
    bodyLimit: BODY_LIMIT,
    // Of all others X-Forwarded-For is ignored.
    trustProxy: trusted_proxies.length === 0 ? false : trusted_proxies,
    // Every accepted connection is answered, also while the gateway stops (protect.ts).
    return503OnClosing: false,
    forceCloseConnections: false,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionTimeout: limits.silenceMs,
    routerOptions: { maxParamLength: PARAMETER_LENGTH },
    ...(certificate === undefined
      ? { http }
      : { https: { ...http, ...tlsOptions(certificate), handshakeTimeout: limits.headersMs } }),
    clientErrorHandler: answerMalformed((sentence) => malformed.say(sentence)),
    frameworkErrors(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
      void sendProblem(new AfdError('E_USAGE', error.message), request, reply, error.statusCode ?? 400);
    },
  };
}
