// Requests with an Idempotency-Key: repeated, at whichever gateway, they get the answer of the first, and nothing is done twice. An
// error is not kept: the client may try again.
import { createHash, randomBytes } from 'node:crypto';
import { beginRequest, endRequest } from '../db/gateway/idempotent-requests.ts';
import { AfdError } from '../domain/errors.ts';
import type { RequestContexts } from './requests/request-contexts.ts';

/** Longest key of a client. */
export const MOST_KEY = 255;
/** A request that is not answered after this time is not answered any more, in seconds. */
const STALE_S = 120;

export interface KeyedRequest {
  /** Of the client. */
  key: string;
  /** Method and path, and the submitter: the same key may be used elsewhere. */
  route: string;
  body: unknown;
}

/**
 * The answer of `work`, or of the same request when it came first. `work` is safe to repeat where the answer was lost with its gateway.
 * @throws AfdError E_USAGE for a key that is too long, E_CONFLICT for one that another body had, or that is being answered;
 * DatabaseError; whatever `work` throws
 */
export async function idempotent<T>(
  requests: RequestContexts,
  { key, route, body }: KeyedRequest,
  work: () => Promise<T>,
): Promise<{ answer: T; repeated: boolean }> {
  if (key === '' || key.length > MOST_KEY)
    throw new AfdError('E_USAGE', `An Idempotency-Key has 1 to ${MOST_KEY} characters.`);
  const request = {
    request_key: sha256(`${route} ${key}`),
    body_hash: sha256(JSON.stringify(body) ?? ''),
    owner: randomBytes(16),
  };
  const begun = await requests.use(async (context) =>
    beginRequest(await context.session(), context.names, request, STALE_S),
  );
  if (begun.kind === 'answered') return { answer: JSON.parse(begun.answer) as T, repeated: true };
  if (begun.kind === 'other-body')
    throw new AfdError('E_CONFLICT', 'Another request has used this Idempotency-Key, with another body.');
  if (begun.kind === 'under-way')
    throw new AfdError('E_CONFLICT', 'A request with this Idempotency-Key is being answered. Try again later.');
  const end = (answer: string | undefined) =>
    requests.use(async (context) => endRequest(await context.session(), context.names, request, answer));
  let answer: T;
  try {
    answer = await work();
  } catch (error) {
    // The error is what the client must see.
    await end(undefined).catch(() => {});
    throw error;
  }
  await end(JSON.stringify(answer));
  return { answer, repeated: false };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
