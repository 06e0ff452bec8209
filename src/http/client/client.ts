// The typed client: a method for each operation, made from the table of operations.
import type { z } from 'zod';
import type { OperationContract } from '../operations/operation.ts';
import { OPERATIONS } from '../operations/operations.ts';
import { textOf } from './body.ts';
import { type StreamEvent, type StreamOptions, streamOf } from './event-stream.ts';
import { type CallOptions, type ClientOptions, type Input, send } from './send.ts';

type Operations = typeof OPERATIONS;
export type OperationId = keyof Operations;

type Given<T> = T extends z.ZodType ? z.input<T> : unknown;
type BodyOf<T> = T extends { body: infer B extends z.ZodType }
  ? undefined extends z.input<B>
    ? { body?: z.input<B> }
    : { body: z.input<B> }
  : unknown;
type Part<T, K extends string> = T extends { [key in K]: infer V } ? Given<V> : unknown;
/** Members of the path and of the query side by side, and the body under `body`. */
export type InputOf<K extends OperationId> = Part<Operations[K], 'params'> &
  Part<Operations[K], 'query'> &
  BodyOf<Operations[K]>;
/** An answer without a body is undefined. */
export type AnswerOf<K extends OperationId> = Operations[K] extends { answers: 'text' }
  ? string
  : Operations[K] extends { answer: infer A extends z.ZodType }
    ? z.output<A>
    : undefined;

type StreamId = { [K in OperationId]: Operations[K] extends { answers: 'events' } ? K : never }[OperationId];
type ListId = { [K in OperationId]: Operations[K] extends { rows: string } ? K : never }[OperationId];
type RowOf<K extends ListId> = Operations[K] extends { rows: infer R extends string }
  ? AnswerOf<K> extends { [key in R]: Array<infer Row> }
    ? Row
    : never
  : never;

/** The input may be left out where nothing in it must be there. */
type Arguments<I, O> = Record<never, never> extends I ? [input?: I, options?: O] : [input: I, options?: O];
type Calls = {
  [K in Exclude<OperationId, StreamId>]: (...given: Arguments<InputOf<K>, CallOptions>) => Promise<AnswerOf<K>>;
};
type Streams = {
  [K in StreamId]: (
    ...given: Arguments<InputOf<K>, StreamOptions>
  ) => AsyncGenerator<StreamEvent<AnswerOf<K>>, void, void>;
};

export type AfdHttpClient = Calls &
  Streams & {
    /** Every row of a list, which is read part by part: `for await (const task of client.each('listTasks', { status: 'failed' }))`. */
    each<K extends ListId>(list: K, ...given: Arguments<InputOf<K>, CallOptions>): AsyncGenerator<RowOf<K>, void, void>;
  };

class Client {
  readonly options: ClientOptions;

  constructor(options: ClientOptions | string | URL) {
    this.options = typeof options === 'string' || options instanceof URL ? { baseUrl: options } : options;
  }

  async *each(list: string, input: Input = {}, options: CallOptions = {}): AsyncGenerator<unknown, void, void> {
    const operation = (OPERATIONS as Record<string, OperationContract>)[list];
    if (operation?.rows === undefined) throw new TypeError(`${list} is no list.`);
    let cursor: unknown;
    do {
      const given = cursor === undefined ? input : { ...input, cursor };
      const answer = (await call(this.options, operation, given, options)) as Record<string, unknown>;
      yield* answer[operation.rows] as unknown[];
      cursor = answer.cursor ?? undefined;
    } while (cursor !== undefined);
  }
}

async function call(
  client: ClientOptions,
  operation: OperationContract,
  input: Input = {},
  options: CallOptions = {},
): Promise<unknown> {
  const text = await send(client, operation, input, options, textOf);
  if (operation.answers === 'text') return text;
  return text === '' ? undefined : JSON.parse(text);
}

for (const [id, operation] of Object.entries(OPERATIONS) as Array<[string, OperationContract]>) {
  const value =
    operation.answers === 'events'
      ? function (this: Client, input?: Input, options?: StreamOptions) {
          return streamOf(this.options, operation, input ?? {}, options ?? {});
        }
      : function (this: Client, input?: Input, options?: CallOptions) {
          return call(this.options, operation, input, options);
        };
  Object.defineProperty(Client.prototype, id, { value, writable: true, configurable: true });
}

/** `new AfdHttpClient('http://127.0.0.1:8000')`; any gateway of the fleet will do. */
export const AfdHttpClient = Client as unknown as new (options: ClientOptions | string | URL) => AfdHttpClient;
