// The operations of an OpenAPI document as its readers see them: the reference page, docs/reference/http.md and the tests.
import type { OpenAPIV3_1 } from 'openapi-types';
import { PROBLEM_TYPE } from '../../http/problem.ts';
import { TAGS } from '../../http/tags.ts';
import { type JsonSchema, resolve, type Schemas, sample } from './sample.ts';

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description: string;
  schema: JsonSchema;
  example: unknown;
}

export interface Media {
  type: string;
  schema: JsonSchema;
  example: unknown;
}

export interface Answer {
  status: string;
  description: string;
  media: Media | undefined;
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description: string | undefined;
  parameters: Parameter[];
  body: Media | undefined;
  /** Those that are no problem first. */
  answers: Answer[];
  problems: Array<{ status: string; codes: string[] }>;
  /** Of a stream: what the `data` of its events holds, one schema for each type. */
  events: Array<{ type: string; schema: JsonSchema }>;
  example: { path: string; headers: Record<string, string>; body: unknown };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** In the order of the tags, then of the document. */
export function operationsOf(document: OpenAPIV3_1.Document): Operation[] {
  const order = Object.keys(TAGS);
  const found = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const one = item?.[method];
      return one === undefined ? [] : [operationOf(path, method, one, schemasOf(document))];
    }),
  );
  return found.sort((a, b) => order.indexOf(a.tag) - order.indexOf(b.tag));
}

export function schemasOf(document: OpenAPIV3_1.Document): Schemas {
  return (document.components?.schemas ?? {}) as Schemas;
}

function operationOf(
  path: string,
  method: string,
  operation: OpenAPIV3_1.OperationObject,
  schemas: Schemas,
): Operation {
  const parameters = (operation.parameters ?? []).map((one) =>
    parameterOf(one as OpenAPIV3_1.ParameterObject, schemas),
  );
  const responses = Object.entries(operation.responses ?? {}) as Array<[string, OpenAPIV3_1.ResponseObject]>;
  const body = mediaOf((operation.requestBody as OpenAPIV3_1.RequestBodyObject | undefined)?.content, schemas, false);
  return {
    id: operation.operationId ?? '',
    method: method.toUpperCase(),
    path,
    tag: operation.tags?.[0] ?? '',
    summary: operation.summary ?? '',
    description: operation.description,
    parameters,
    body,
    answers: responses
      .filter(([status, one]) => Number(status) < 400 || codesOf(one).length === 0)
      .map(([status, one]) => ({
        status,
        description: one.description,
        media: mediaOf(one.content, schemas, true),
      })),
    problems: responses
      .filter(([status, one]) => Number(status) >= 400 && codesOf(one).length > 0)
      .map(([status, one]) => ({ status, codes: codesOf(one) })),
    events: eventsOf(operation, schemas),
    example: exampleOf(path, operation, parameters, body),
  };
}

function eventsOf(operation: OpenAPIV3_1.OperationObject, schemas: Schemas): Operation['events'] {
  const reference = (operation as { 'x-event-data'?: JsonSchema })['x-event-data'];
  if (reference === undefined) return [];
  const all = resolve(reference, schemas);
  return (all.oneOf ?? all.anyOf ?? []).map((schema) => ({ type: String(schema.properties?.type?.const), schema }));
}

/** Of a problem document. */
function codesOf({ content }: OpenAPIV3_1.ResponseObject): string[] {
  return Object.keys(content?.[PROBLEM_TYPE]?.examples ?? {});
}

function parameterOf(one: OpenAPIV3_1.ParameterObject, schemas: Schemas): Parameter {
  const schema = (one.schema ?? {}) as JsonSchema;
  return {
    name: one.name,
    in: one.in as Parameter['in'],
    required: one.required === true,
    description: one.description ?? '',
    schema,
    example: one.example ?? sample(schema, schemas, false),
  };
}

function mediaOf(
  content: Record<string, OpenAPIV3_1.MediaTypeObject> | undefined,
  schemas: Schemas,
  whole: boolean,
): Media | undefined {
  const [first] = Object.entries(content ?? {});
  if (first === undefined) return undefined;
  const [type, { schema = {}, example }] = first;
  return {
    type,
    schema: schema as JsonSchema,
    example: example ?? sample(schema as JsonSchema, schemas, whole),
  };
}

/** `x-example` says what to send; beyond it the parameters that must be there, with their examples. */
function exampleOf(
  path: string,
  operation: OpenAPIV3_1.OperationObject,
  parameters: Parameter[],
  body: Media | undefined,
): Operation['example'] {
  const own = (operation as { 'x-example'?: Record<string, unknown> })['x-example'] ?? {};
  const { params = {}, query = {}, headers = {} } = own as Record<string, Record<string, string>>;
  const needed = (where: Parameter['in'], given: Record<string, string>) =>
    Object.fromEntries([
      ...parameters.filter((one) => one.in === where && one.required).map((one) => [one.name, String(one.example)]),
      ...Object.entries(given),
    ]) as Record<string, string>;
  const filled = Object.entries(needed('path', params)).reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value)),
    path,
  );
  const search = new URLSearchParams(needed('query', query)).toString();
  return {
    path: search === '' ? filled : `${filled}?${search}`,
    headers: needed('header', headers),
    body: own.body ?? body?.example,
  };
}
