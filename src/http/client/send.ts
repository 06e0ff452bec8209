// One call of an operation: its address, its body, and when it is sent again.
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { isRepeatable, type OperationContract } from '../operations/operation.ts';
import { type AfdHttpError, errorOf } from './http-error.ts';
import { TimeLimit } from './time-limit.ts';

export interface ClientOptions {
  /** Address of a gateway: `http://127.0.0.1:8000`. */
  baseUrl: string | URL;
  /** Sent with each request, such as `authorization`. */
  headers?: Record<string, string>;
  /** How often a call is sent again after 503 or a lost connection (default: 3). */
  retries?: number;
  /** Milliseconds that one try may take (default: 75,000; no limit for streams). */
  timeoutMs?: number;
  /** Longest wait for `Retry-After`, in milliseconds (default: 30,000). What asks for longer is not repeated. */
  maxWaitMs?: number;
  /** In place of that of Node. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** With it the gateway does the same request once, however often it comes; so it is sent again after 503. */
  idempotencyKey?: string;
  headers?: Record<string, string>;
}

export type Input = Record<string, unknown> & { body?: unknown };

const RETRIES = 3;
/** Longer than the longest wait of a long poll. */
const TIMEOUT_MS = 75_000;
const MAX_WAIT_MS = 30_000;
const FIRST_PAUSE_MS = 100;
/** A shorter body does not get shorter. */
const COMPRESS_BYTES = 1024;
const compress = promisify(gzip);

/**
 * What `read` makes of the answer, within the time of the try. @throws AfdHttpError for an answer that is none of success; TypeError
 * when no gateway can be reached or the answer breaks off; the reason of the signal
 */
export async function send<T>(
  client: ClientOptions,
  operation: OperationContract,
  input: Input,
  call: CallOptions,
  read: (answer: Response, signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const url = addressOf(client.baseUrl, operation.path, input);
  const { headers, body } = await requestOf(client, operation, input, call);
  const again = isRepeatable(operation) || call.idempotencyKey !== undefined;
  const tries = 1 + (again ? (client.retries ?? RETRIES) : 0);
  for (let n = 1; ; n += 1) {
    const outcome = await attempt(client, operation, url, { headers, body, signal: call.signal }, read);
    if ('read' in outcome) return outcome.read;
    const waitMs = n < tries ? pauseAfter(outcome, n, client.maxWaitMs ?? MAX_WAIT_MS) : undefined;
    if (waitMs === undefined) throw outcome.error;
    await pause(waitMs, undefined, call.signal === undefined ? {} : { signal: call.signal });
  }
}

interface Failed {
  error: unknown;
  /** The answer; undefined = there was none. */
  answer: AfdHttpError | undefined;
}

async function attempt<T>(
  client: ClientOptions,
  operation: OperationContract,
  url: URL,
  given: { headers: Headers; body: Uint8Array<ArrayBuffer> | undefined; signal: AbortSignal | undefined },
  read: (answer: Response, signal: AbortSignal | undefined) => Promise<T>,
): Promise<{ read: T } | Failed> {
  const ms = client.timeoutMs ?? TIMEOUT_MS;
  const late = `The gateway did not answer within ${ms} ms (timeout).`;
  // A stream is read later, and its reader ends it.
  const limit = operation.answers === 'events' ? undefined : new TimeLimit(ms, late, given.signal);
  const signal = limit?.signal ?? given.signal;
  try {
    const response = await (client.fetch ?? fetch)(url, {
      method: operation.method,
      headers: given.headers,
      redirect: 'error',
      ...(given.body === undefined ? {} : { body: given.body }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.ok) return { read: await read(response, signal) };
    const answer = await errorOf(response, signal);
    return { error: answer, answer };
  } catch (error) {
    given.signal?.throwIfAborted();
    return { error, answer: undefined };
  } finally {
    limit?.end();
  }
}

/** Undefined = it is not repeated. */
function pauseAfter({ answer }: Failed, n: number, longestMs: number): number | undefined {
  const backoff = FIRST_PAUSE_MS * 2 ** (n - 1) * (0.5 + Math.random());
  if (answer === undefined) return backoff;
  if (answer.status !== 503 || answer.retryAfter === undefined) return undefined;
  const wanted = answer.retryAfter * 1000;
  // Many clients that were told the same second do not come back at the same moment.
  return wanted > longestMs ? undefined : wanted + Math.random() * FIRST_PAUSE_MS;
}

/** Members of the input that the path names go there, all others but `body` into the query. */
function addressOf(base: string | URL, path: string, input: Input): URL {
  const url = new URL(base);
  const used = new Set(['body']);
  const filled = path.split('/').map((part) => {
    if (!part.startsWith('{')) return part;
    const name = part.slice(1, -1);
    used.add(name);
    const value = input[name];
    if (value === undefined) throw new TypeError(`"${name}" is missing.`);
    return encodeURIComponent(String(value));
  });
  url.pathname = url.pathname.endsWith('/')
    ? url.pathname.slice(0, -1) + filled.join('/')
    : url.pathname + filled.join('/');
  for (const [name, value] of Object.entries(input)) {
    if (used.has(name) || value === undefined || value === null) continue;
    url.searchParams.set(name, Array.isArray(value) ? value.join(',') : String(value));
  }
  return url;
}

async function requestOf(
  client: ClientOptions,
  operation: OperationContract,
  input: Input,
  call: CallOptions,
): Promise<{ headers: Headers; body: Uint8Array<ArrayBuffer> | undefined }> {
  const headers = new Headers({ ...client.headers, ...call.headers });
  if (operation.answers === 'events') headers.set('accept', 'text/event-stream');
  if (call.idempotencyKey !== undefined) headers.set('idempotency-key', call.idempotencyKey);
  if (operation.body === undefined) return { headers, body: undefined };
  const text = Buffer.from(JSON.stringify(input.body ?? {}));
  headers.set('content-type', 'application/json');
  if (text.length < COMPRESS_BYTES) return { headers, body: new Uint8Array(text) };
  headers.set('content-encoding', 'gzip');
  return { headers, body: new Uint8Array(await compress(text)) };
}
