// One answer that is a stream of server-sent events. A client that does not read holds nothing but its socket, and not for long.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SECURITY_HEADERS } from './security-headers.ts';

export interface StreamEvent {
  event: string;
  /** Comes back as Last-Event-ID when the client reconnects. */
  id?: string | undefined;
  data: unknown;
}

/** Milliseconds that a client may leave what was sent unread. */
const UNREAD_MS = 30_000;

export class EventStream {
  readonly #reply: FastifyReply;
  readonly #gone = new AbortController();

  /** The answer begins here. */
  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.#reply = reply;
    reply.hijack();
    reply.raw.once('close', () => this.#gone.abort());
    reply.raw.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': request.id,
    });
    reply.raw.flushHeaders();
  }

  /** Aborted when the client is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when there is room for more. False = the client is gone. */
  send({ event, id, data }: StreamEvent): Promise<boolean> {
    const name = id === undefined ? '' : `id: ${id}\n`;
    return this.#write(`event: ${event}\n${name}data: ${JSON.stringify(data)}\n\n`);
  }

  /** Shows the client, and what is between, that the stream lives. */
  keepAlive(): Promise<boolean> {
    return this.#write(':\n\n');
  }

  end(): void {
    this.#reply.raw.end();
  }

  async #write(text: string): Promise<boolean> {
    const { raw } = this.#reply;
    if (this.#gone.signal.aborted) return false;
    if (raw.write(text)) return true;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        raw.off('drain', done);
        this.#gone.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(() => raw.destroy(), UNREAD_MS);
      raw.once('drain', done);
      this.#gone.signal.addEventListener('abort', done, { once: true });
    });
    return !this.#gone.signal.aborted;
  }
}
