// ETag of lists: who asks again for what has not changed gets 304 without a body. Of the text itself, before it is compressed.
import { createHash } from 'node:crypto';
import type { onSendAsyncHookHandler } from 'fastify';

/** For the option `onSend` of a route. */
export const etag: onSendAsyncHookHandler = async (request, reply, payload) => {
  if (reply.statusCode !== 200 || typeof payload !== 'string') return payload;
  // Weak: the same text may be sent compressed or not.
  const tag = `W/"${createHash('sha256').update(payload).digest('base64url').slice(0, 27)}"`;
  reply.header('etag', tag);
  const known = request.headers['if-none-match'];
  if (known === undefined || !matches(known, tag)) return payload;
  reply.code(304);
  reply.removeHeader('content-type');
  reply.removeHeader('content-length');
  return null;
};

function matches(header: string, tag: string): boolean {
  return header.split(',').some((one) => one.trim() === '*' || opaque(one) === opaque(tag));
}

/** If-None-Match compares weakly. */
function opaque(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}
