// API keys.
import { allKeys, endKey, makeKey, rotateKey } from '../../../core/access/manage-keys.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import {
  endedKeyAnswer,
  keyParams,
  keysAnswer,
  madeKeyAnswer,
  newKeyBody,
  rotateBody,
  rotatedKeyAnswer,
} from '../../../http/access/key-contract.ts';
import { plainJson } from '../../hooks/plain-json.ts';
import { bodyOrNone, callerOf, envelope } from '../../server/answers.ts';
import type { App } from '../../server/app-type.ts';

const tags = ['keys'] as const;

export function keyRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/keys',
    schema: {
      operationId: 'makeKey',
      summary: 'Make an API key.',
      description: 'The answer has its text, this once: the database has only a hash of it.',
      tags,
      body: newKeyBody,
      response: { 201: madeKeyAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const by = callerOf(request);
      const { lifetime: lifetimeS, ...given } = request.body;
      return gateway.requests.use(async (context) => {
        const made = await makeKey(context, { ...given, lifetimeS }, by);
        reply.code(201);
        return { ...made, by: by.label, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/keys',
    schema: {
      operationId: 'listKeys',
      summary: 'List API keys, without their texts.',
      tags,
      response: { 200: keysAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const keys = await allKeys(context);
        return { keys, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/keys/:key_id/rotate',
    schema: {
      operationId: 'rotateKey',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Make another key with the same name, role and device; the old one stays valid for `overlap`.',
      tags,
      params: keyParams,
      body: rotateBody.prefault({}),
      response: { 200: rotatedKeyAnswer },
    },
    preValidation: bodyOrNone,
    serializerCompiler: plainJson,
    async handler(request) {
      const by = callerOf(request);
      const { overlap: overlapS, lifetime: lifetimeS } = request.body;
      return gateway.requests.use(async (context) => {
        const rotated = await rotateKey(context, request.params.key_id, { overlapS, lifetimeS }, by);
        return { ...rotated, by: by.label, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/keys/:key_id/revoke',
    schema: {
      operationId: 'revokeKey',
      problems: ['E_NOT_FOUND'],
      summary: 'End a key: every gateway refuses it within seconds.',
      tags,
      params: keyParams,
      response: { 200: endedKeyAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const by = callerOf(request);
      return gateway.requests.use(async (context) => {
        const key = await endKey(context, request.params.key_id, by);
        return { key, by: by.label, ...envelope(request, await context.now()) };
      });
    },
  });
}
