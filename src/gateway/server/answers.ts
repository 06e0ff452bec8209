// What answers have in common.
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Actor, saidBy } from '../../core/access/actor.ts';
import type { Reader } from '../../core/gateway/requests/list-reads.ts';
import type { Shared } from '../../core/gateway/shared-read.ts';
import type { Replicated } from '../../core/reader/read-replica.ts';

export interface Envelope {
  now: string;
  as_of: string;
  request_id: string;
}

/** Of data that were read for this answer. `now`: the database's. `replica`: how the one stood from which they were read. */
export function envelope(request: FastifyRequest, now: string, replica?: Replicated): Envelope {
  if (replica === undefined) return { now, as_of: now, request_id: request.id };
  const at = (ms: number) => new Date(ms).toISOString();
  const { nowMs, delayS } = replica;
  return { now: at(nowMs), as_of: at(nowMs - 1000 * delayS), request_id: request.id };
}

/** A cookie of those who have just changed something, at whichever gateway. */
export const LATEST = 'afd_latest';
/** Before a cursor of a list that was read from a replica. */
const FROM_REPLICA = 'r.';

/**
 * For a list: who asks, and whether it is to be read from the writer: they want that (`Cache-Control: no-cache`), have just changed something, or
 * go on where a page of the writer ended, which a replica may not have reached.
 */
export function reader(request: FastifyRequest, cursor?: string): Reader {
  const { 'cache-control': cache, cookie } = request.headers;
  const begun = cursor !== undefined && !cursor.startsWith(FROM_REPLICA);
  const wanted = cache?.includes('no-cache') === true || cookie?.includes(`${LATEST}=1`) === true;
  return { caller: callerOf(request).who, latest: begun || wanted };
}

/** As a list of either made it. */
export function cursorWithin(cursor: string | undefined): string | undefined {
  return cursor?.startsWith(FROM_REPLICA) === true ? cursor.slice(FROM_REPLICA.length) : cursor;
}

/** As the client gets it. */
export function cursorFrom(cursor: string | null, replica: Replicated | undefined): string | null {
  return cursor === null || replica === undefined ? cursor : `${FROM_REPLICA}${cursor}`;
}

/** Of a shared read. Now is its time and its age, a second or two at most: that is worth no statement. */
export function sharedEnvelope(request: FastifyRequest, { value, age_ms }: Shared<{ now: string }>): Envelope {
  const now = new Date(Date.parse(value.now) + age_ms).toISOString();
  return { now, as_of: value.now, request_id: request.id };
}

type Asking = Pick<FastifyRequest, 'user' | 'key' | 'device' | 'ip' | 'id'>;

/** Who asks: the user, the key, the device of the certificate, or the address where neither is asked for. With the reason, if one was given. */
export function callerOf({ user, key, device, ip, id }: Asking, reason?: string): Actor {
  const [who, label] =
    user !== undefined
      ? [`user:${user.name}`, `user ${user.name}`]
      : key !== undefined
        ? [`key:${key.key_id}`, `key ${key.key_id} (${key.name})`]
        : device !== undefined
          ? [`device:${device.id}`, `device ${device.id} (certificate ${device.fingerprint.slice(0, 16)})`]
          : [`http:${ip}`, `http ${ip}`];
  return { who, label, source: ip, request_id: id, reason };
}

/** The same in words. */
export function caller(request: FastifyRequest, reason?: string): string {
  return saidBy(callerOf(request, reason));
}

/** For a route whose body may be left out: nothing is the same as `{}`. */
export async function bodyOrNone(request: FastifyRequest): Promise<void> {
  request.body ??= {};
}

/** A list with its tag; without a body when the client has this very list. The envelope is not part of it. */
export function tagged<T extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  data: T,
  around: Envelope,
): (T & Envelope) | undefined {
  const tag = `W/"${createHash('sha256').update(JSON.stringify(data)).digest('base64url').slice(0, 22)}"`;
  reply.header('etag', tag).header('cache-control', 'private, no-cache');
  if (!matches(request.headers['if-none-match'], tag)) return { ...data, ...around };
  reply.code(304);
  return undefined;
}

function matches(given: string | undefined, tag: string): boolean {
  if (given === undefined) return false;
  return given.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag.slice(2));
}
