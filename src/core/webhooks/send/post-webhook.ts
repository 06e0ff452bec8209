// One POST of one delivery: to an address that was checked, without redirects, with a limit on time and on the answer.

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { monotonic } from '../../runtime/clock.ts';
import { type Network, resolveTarget, type Target } from './allowed-address.ts';

export interface Posting {
  url: string;
  headers: Record<string, string>;
  body: string;
  networks: Network[];
  signal: AbortSignal;
  /** Milliseconds from the question for the address to the end of the answer. */
  limitMs?: number;
}

export interface Posted {
  /** HTTP status; null = no answer. */
  code: number | null;
  /** Null = it was delivered. */
  error: string | null;
  /** What the answer asks for. */
  retryAfterS: number | undefined;
  ms: number;
}

export const LIMIT_MS = 5000;
/** Of an answer; the rest is not read. */
const MOST_BYTES = 64 * 1024;
/** Of a refusal, in the delivery log. */
const SHOWN_CHARACTERS = 200;

/** Never rejects. Nothing is known of a delivery whose signal was aborted. */
export async function postWebhook(posting: Posting): Promise<Posted> {
  const begun = monotonic();
  const { limitMs = LIMIT_MS } = posting;
  const limit = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([limit, posting.signal]);
  const posted = (error: string | null, code: number | null = null, retryAfterS?: number): Posted => ({
    ...{ code, error, retryAfterS },
    ms: Math.round(monotonic() - begun),
  });
  try {
    const url = new URL(posting.url);
    const target = await ended(signal, resolveTarget(url.hostname, posting.networks));
    if (url.protocol !== 'https:' && !target.named)
      return posted(`${url.protocol}// is only for networks that master.webhook_networks names`);
    const answer = await send(url, target, posting, signal);
    const text = await beginning(answer, signal);
    const code = answer.statusCode!;
    if (code >= 200 && code < 300) return posted(null, code);
    const words = code >= 300 && code < 400 ? 'redirects are not followed' : text;
    return posted(`HTTP ${code}${words === '' ? '' : `: ${words}`}`, code, secondsOf(answer.headers['retry-after']));
  } catch (error) {
    if (limit.aborted) return posted(`no answer within ${limitMs / 1000} s`);
    return posted((error as Error).message.slice(0, 500));
  }
}

function send(
  url: URL,
  { addresses }: Target,
  { headers, body }: Posting,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const lookup = ((_name, options, done) => {
    if (options.all) done(null, addresses);
    else done(null, addresses[0]!.address, addresses[0]!.family);
  }) as LookupFunction;
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      ...{ method: 'POST', agent: false, maxHeaderSize: 16 * 1024, lookup, signal },
      headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    request.on('response', resolve);
    // Also after the answer has begun: its reader hears of it.
    request.on('error', reject);
    request.end(body);
  });
}

/** The beginning of the answer in one line, as text that no terminal obeys. */
async function beginning(answer: IncomingMessage, signal: AbortSignal): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  await ended(
    signal,
    (async () => {
      for await (const part of answer) {
        bytes += part.length;
        if (bytes <= MOST_BYTES) parts.push(part);
        else break;
      }
    })(),
  );
  const text = Buffer.concat(parts)
    .toString('utf8')
    .slice(0, 4 * SHOWN_CHARACTERS);
  return text
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, SHOWN_CHARACTERS);
}

/** @throws the signal's reason as soon as it is aborted */
async function ended<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let off = () => {};
  const aborted = new Promise<never>((_, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    off = () => signal.removeEventListener('abort', abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    off();
    work.catch(() => {});
  }
}

function secondsOf(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined;
}
