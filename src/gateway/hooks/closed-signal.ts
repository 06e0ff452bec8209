import type { FastifyReply } from 'fastify';

/** Aborted when the connection of a request is closed before its answer is written. */
export function closedSignal(reply: FastifyReply): AbortSignal {
  const closed = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) closed.abort();
  });
  return closed.signal;
}
