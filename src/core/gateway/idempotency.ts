// Requests with an Idempotency-Key: repeated, at whichever gateway, they get the answer of the first, and nothing is done twice. An
// error is not kept: the client may try again.
import { createHash, randomBytes } from 'node:crypto';
import { answerRequest, beginRequest, freeRequest } from '../db/gateway/idempotent-requests.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { AfdError } from '../domain/errors.ts';
import { sleep } from '../runtime/loop.ts';
import type { RequestContexts } from './requests/request-contexts.ts';

/** Longest key of a client. */
export const MOST_KEY = 255;
/** A request that is not answered after this time is not answered any more, in seconds. */
const STALE_S = 120;
/** Before a key is freed that could not be freed at once; later pauses are longer. */
const FREE_MS = 250;

export interface KeyedRequest {
  /** Of the client. */
  key: string;
  /** Method and path, and the submitter: the same key may be used elsewhere. */
  route: string;
  body: unknown;
}

interface GatewayOfRequests {
  requests: RequestContexts;
  stopping: AbortSignal;
  context: { names: TableNames };
}

/** Keeps the answer in the transaction that did the work: either both are there, or neither is. @throws AfdError E_CONFLICT; DatabaseError */
export type Keep<T> = (session: Session, answer: T) => Promise<void>;

/**
 * The answer of `work`, or of the same request when it came first. Work that does not `keep` its answer is safe to repeat where the answer was
 * lost with its gateway.
 * @throws AfdError E_USAGE for a key that is too long, E_CONFLICT for one that another body had, or that is being answered;
 * DatabaseError; whatever `work` throws
 */
export async function idempotent<T>(
  { requests, stopping, context: { names } }: GatewayOfRequests,
  { key, route, body }: KeyedRequest,
  work: (keep: Keep<T>) => Promise<T>,
): Promise<{ answer: T; repeated: boolean }> {
  if (key === '' || key.length > MOST_KEY)
    throw new AfdError('E_USAGE', `An Idempotency-Key has 1 to ${MOST_KEY} characters.`);
  const request = {
    request_key: sha256(`${route} ${key}`),
    body_hash: sha256(JSON.stringify(body) ?? ''),
    owner: randomBytes(16),
  };
  const begun = await requests.use(async (context) => beginRequest(await context.session(), names, request, STALE_S));
  if (begun.kind === 'answered') return { answer: JSON.parse(begun.answer) as T, repeated: true };
  if (begun.kind === 'other-body')
    throw new AfdError('E_CONFLICT', 'Another request has used this Idempotency-Key, with another body.');
  if (begun.kind === 'under-way') throw underWay();
  let kept = false;
  const keep = async (session: Session, done: T) => {
    if (!(await answerRequest(session, names, request, JSON.stringify(done)))) throw underWay();
    kept = true;
  };
  let answer: T;
  try {
    answer = await work(keep);
  } catch (error) {
    const free = () => requests.use(async (context) => freeRequest(await context.session(), names, request));
    // The error is what the client must see, and soon: the next try finds the key free, if the database is there.
    await free().catch(() => void freeLater(free, stopping));
    throw error;
  }
  if (!kept) await requests.use(async (context) => keep(await context.session(), answer));
  return { answer, repeated: false };
}

function underWay(): AfdError {
  return new AfdError('E_CONFLICT', 'A request with this Idempotency-Key is being answered. Try again later.');
}

/** Until the database takes it: otherwise the client waits for as long as if its gateway were gone. */
async function freeLater(free: () => Promise<void>, stopping: AbortSignal): Promise<void> {
  for (let pause = FREE_MS; pause < STALE_S * 1000 && !stopping.aborted; pause *= 1.5) {
    await sleep(pause, stopping);
    try {
      return await free();
    } catch {
      // The watch of the gateway says why the database does not take it.
    }
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
