// What the schema of a route says beyond what Fastify and @fastify/swagger know. Every route has an operationId, a summary and a tag
// of src/http/tags.ts; test/contracts/openapi.test.ts fails otherwise.
import type { ErrorCode } from '../../core/domain/errors.ts';

/** What the example of an operation sends. What it leaves out is made from the `examples` of the schemas. */
export interface ExampleRequest {
  params?: Record<string, string>;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: unknown;
}

declare module 'fastify' {
  interface FastifySchema {
    /** Codes with which it may answer, beyond those that every route has (E_USAGE, E_DATABASE, E_TEMPORARY, E_INTERNAL). */
    problems?: readonly ErrorCode[];
    example?: ExampleRequest;
    /** Of a stream of events: what their `data` holds. */
    'x-event-data'?: { $ref: string };
  }
}
