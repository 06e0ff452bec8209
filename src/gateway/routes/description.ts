// The description of the API, for programs and for people.
import { z } from 'zod';
import { openapiAnswer } from '../../http/description-contract.ts';
import { errorCodesPage } from '../description/error-codes-page.ts';
import { PAGE_HEADERS } from '../description/html.ts';
import { referencePage } from '../description/reference-page.ts';
import type { App } from '../server/app-type.ts';

/** It changes with the version of afd alone. */
const CACHE = 'public, max-age=300';
const page = (description: string) => ({
  200: { description, content: { 'text/html': { schema: z.string().meta({ examples: ['<!doctype html>…'] }) } } },
});

export function descriptionRoutes(app: App): void {
  let reference: string | undefined;
  app.route({
    method: 'GET',
    url: '/openapi.json',
    schema: {
      operationId: 'openapi',
      summary: 'This API as an OpenAPI 3.1 document, made from the schemas that validate its requests and answers.',
      tags: ['description'],
      response: {
        200: openapiAnswer,
      },
    },
    handler: async (_request, reply) => {
      reply.header('cache-control', CACHE);
      return app.swagger() as never;
    },
  });
  app.route({
    method: 'GET',
    url: '/docs',
    schema: {
      operationId: 'docs',
      summary: 'This API as a page for people, without scripts.',
      tags: ['description'],
      response: page('The page.'),
    },
    handler: async (_request, reply) => {
      reference ??= referencePage(app.swagger() as Parameters<typeof referencePage>[0]);
      return reply
        .headers(PAGE_HEADERS)
        .header('cache-control', CACHE)
        .type('text/html; charset=utf-8')
        .send(reference);
    },
  });
  app.route({
    method: 'GET',
    url: '/docs/errors',
    schema: {
      operationId: 'errorCodes',
      summary: 'The codes of problem documents, where their `type` leads.',
      tags: ['description'],
      response: page('The page.'),
    },
    handler: async (_request, reply) =>
      reply
        .headers(PAGE_HEADERS)
        .header('cache-control', CACHE)
        .type('text/html; charset=utf-8')
        .send(errorCodesPage()),
  });
}
