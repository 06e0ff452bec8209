// A stream of events (text/event-stream) as an answer.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SECURITY_HEADERS } from './security-headers.ts';

/** Bytes that may wait for a reader; one that is further behind is cut, and comes back with the id of its last event. */
const BEHIND_BYTES = 1024 * 1024;

export interface SentEvent {
  id?: string;
  event: string;
  data: unknown;
}

export function eventText({ id, event, data }: SentEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export class BroadcastStream {
  readonly #response: FastifyReply['raw'];
  #closed = false;

  /** Answers 200 and takes over the response. `onClose`: the reader is gone, or was cut. */
  constructor(request: FastifyRequest, reply: FastifyReply, onClose: () => void) {
    const { raw } = reply;
    this.#response = raw;
    reply.hijack();
    raw.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      // For nginx, which would collect it.
      'x-accel-buffering': 'no',
      'x-request-id': request.id,
    });
    raw.flushHeaders();
    request.raw.socket.setNoDelay(true);
    raw.once('close', () => {
      this.#closed = true;
      onClose();
    });
    raw.on('error', () => {});
  }

  /** Cuts a reader that is too far behind. */
  write(text: string): void {
    if (this.#closed) return;
    this.#response.write(text);
    if (this.#response.writableLength > BEHIND_BYTES) this.#response.destroy();
  }

  beat(): void {
    this.write(': nothing new\n\n');
  }

  /** What was written is still delivered. */
  end(): void {
    if (!this.#closed) this.#response.end(': the gateway stops\n\n');
  }
}
