import { connect } from 'node:net';
import fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BroadcastStream, eventText } from '../../../src/gateway/server/broadcast-stream.ts';
import { until } from '../../helpers/wait.ts';

/** A server with one stream, which `onStream` gets. */
async function serve(onStream: (stream: BroadcastStream) => unknown) {
  const state = { url: '', closed: false };
  const app = fastify({ forceCloseConnections: true });
  onTestFinished(() => app.close());
  const onClose = () => Object.assign(state, { closed: true });
  app.get('/', async (request, reply) => void onStream(new BroadcastStream(request, reply, onClose)));
  return Object.assign(state, { url: await app.listen({ host: '127.0.0.1', port: 0 }) });
}

describe('a stream of events', () => {
  it('spells an event so that no text breaks it, and a comment as none', async () => {
    expect(eventText({ id: 'g:1', event: 'e', data: { text: 'a\nb\n\ndata: c' } })).toBe(
      'id: g:1\nevent: e\ndata: {"text":"a\\nb\\n\\ndata: c"}\n\n',
    );
    const { url } = await serve((stream) => {
      stream.beat();
      stream.write(eventText({ event: 'e', data: 1 }));
      stream.end();
    });
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(await response.text()).toBe(': nothing new\n\nevent: e\ndata: 1\n\n: the gateway stops\n\n');
  });

  it('cuts a reader that does not read, and holds little for it', async () => {
    let stream: BroadcastStream | undefined;
    const server = await serve((one) => {
      stream = one;
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').pause();
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await until(() => stream !== undefined);
    const chunk = `${'x'.repeat(64 * 1024)}\n`;
    let written = 0;
    // The system takes some megabytes for a reader that does not read.
    await until(() => {
      if (server.closed) return true;
      stream!.write(chunk);
      written += chunk.length;
      return false;
    });
    expect(written).toBeLessThan(32 * 1024 * 1024);
    // Nothing happens any more.
    stream!.write(chunk);
    stream!.end();
    socket.destroy();
  });
});
