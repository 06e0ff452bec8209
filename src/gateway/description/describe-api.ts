// OpenAPI 3.1 from the schemas of the routes. Registered before the first route, or it does not see them.
import { STATUS_CODES } from 'node:http';
import swagger, { type SwaggerTransform } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import type { ErrorCode } from '../../core/domain/errors.ts';
import { accessOf } from '../../http/operations/access.ts';
import { TAGS } from '../../http/tags.ts';
import { SECURE_COOKIE } from '../protection/session-cookie.ts';
import type { App } from '../server/app-type.ts';
import { problemResponses } from './problem-responses.ts';
import type { ExampleRequest } from './route-schema.ts';
import { type JsonSchema, type Schemas, sample } from './sample.ts';

/** Tags of routes that answer from memory. */
const LOCAL = new Set(['health', 'description']);

/** `version`: that of afd. */
export async function describeApi(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: {
        title: 'afd',
        version,
        summary: 'The HTTP API of a fleet',
        description: ABOUT,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      // A gateway without `server.auth: keys` asks for none, and listens on loopback alone.
      security: [{ key: [] }, { session: [] }, {}],
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: KEYS },
          session: { type: 'apiKey', in: 'cookie', name: SECURE_COOKIE, description: SESSIONS },
        },
      },
      servers: [{ url: '/', description: 'The gateway that serves this document.' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    },
    convertConstToEnum: false,
    transform: describeRoute,
    transformObject: (document) => finish(jsonSchemaTransformObject(document) as OpenAPIV3_1.Document),
  });
}

const KEYS = 'An API key, as `afd keys create` makes it.';
const SESSIONS =
  'What `POST /api/v1/session` sets, for people with a browser: `afd_session` without TLS on this machine. A request with it that changes something must be JSON, and come from a page of this gateway.';

const ABOUT =
  'Any gateway of the fleet answers any request: none of them keeps a state of its own. Ids of tasks are texts in answers, and texts or numbers in requests. Times are ISO 8601 in UTC, by the clock of the database. An error is a problem document (RFC 9457) with a code of the registry.';

interface Described {
  problems?: readonly ErrorCode[];
  example?: ExampleRequest;
  tags?: string[];
  response?: Record<string, object>;
  [key: string]: unknown;
}

const describeRoute: SwaggerTransform = (route) => {
  const { schema, url } = jsonSchemaTransform(route as Parameters<typeof jsonSchemaTransform>[0]);
  const described = schema as Described | undefined;
  if (described === undefined || described.hide === true) return { schema: described as never, url };
  const { problems = [], example, response = {}, tags = [], ...rest } = described;
  const hasInput = ['params', 'querystring', 'body', 'headers'].some((part) => rest[part] !== undefined);
  const local = tags.some((tag) => LOCAL.has(tag));
  const access = accessOf(rest.operationId as string | undefined);
  const { method } = route.route ?? {};
  const changes = method !== 'GET' && method !== 'HEAD';
  const all = { ...response, ...problemResponses(problems, { hasInput, local, access, changes }) };
  const own = { ...(example && { 'x-example': example }), ...(access === 'public' && { security: [{}] }) };
  return { schema: { ...rest, tags, response: all, ...own } as never, url };
};

/** Every body and answer gets an example; schemas that nothing refers to are left out. */
function finish(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  for (const item of Object.values(document.paths ?? {})) {
    for (const one of Object.values(item ?? {})) {
      const { requestBody, responses = {}, parameters = [] } = one as OpenAPIV3_1.OperationObject;
      for (const parameter of parameters as OpenAPIV3_1.ParameterObject[]) typeExample(parameter);
      const body = requestBody as OpenAPIV3_1.RequestBodyObject | undefined;
      addExamples(body?.content, schemas, false);
      for (const [status, response] of Object.entries(responses)) {
        const answer = response as OpenAPIV3_1.ResponseObject;
        if (answer.description === 'Default Response') answer.description = STATUS_CODES[status] ?? 'Answer';
        const { content } = answer;
        if (status === '204' || status === '302') delete answer.content;
        else addExamples(content, schemas, true);
      }
    }
  }
  const used = referred(document);
  const kept = Object.entries(schemas).filter(([name]) => used.has(name));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(kept) as never } };
}

/** A parameter is a text on its way; its example is what its schema says that it means. */
function typeExample(parameter: OpenAPIV3_1.ParameterObject): void {
  const { type } = (parameter.schema ?? {}) as JsonSchema;
  if (typeof parameter.example === 'string' && (type === 'integer' || type === 'number'))
    parameter.example = Number(parameter.example);
}

function addExamples(
  content: Record<string, OpenAPIV3_1.MediaTypeObject> | undefined,
  schemas: Schemas,
  whole: boolean,
): void {
  for (const media of Object.values(content ?? {})) {
    if (media.example !== undefined || media.examples !== undefined) continue;
    media.example = sample((media.schema ?? {}) as JsonSchema, schemas, whole);
  }
}

const REFERENCE = '#/components/schemas/';

/** Names of the schemas that operations refer to, also by way of others. */
function referred(document: OpenAPIV3_1.Document): Set<string> {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  const found = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, one] of Object.entries(value)) {
      if (key !== '$ref' || typeof one !== 'string' || !one.startsWith(REFERENCE)) walk(one);
      else if (!found.has(one.slice(REFERENCE.length))) {
        found.add(one.slice(REFERENCE.length));
        walk(schemas[one.slice(REFERENCE.length)]);
      }
    }
  };
  walk(document.paths);
  return found;
}
