// `import { AfdHttpClient } from 'afd-fleet/http'`.

export type { Problem } from '../problem.ts';
export { AfdHttpClient, type AnswerOf, type InputOf, type OperationId } from './client.ts';
export type { StreamEvent, StreamOptions } from './event-stream.ts';
export { AfdHttpError } from './http-error.ts';
export type { CallOptions, ClientOptions } from './send.ts';
