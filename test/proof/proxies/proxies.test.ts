// A gateway behind nginx and HAProxy, each with the configuration that docs/guide/gateway.md gives.
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect } from 'vitest';
import type { App } from '../../../src/gateway/app.ts';
import { TASKS_BODY_LIMIT } from '../../../src/gateway/protection/limits.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { noProxy, PROXIES, type RunningProxy, startProxy } from '../../helpers/proxy-programs.ts';
import { rawSocket } from '../../helpers/raw-http.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

let proxy: RunningProxy | undefined;
afterEach(async () => {
  await proxy?.stop();
  proxy = undefined;
  await stopGateways();
});

/** Routes as there are: who asks, what waits for news, what streams, what takes large bodies. */
function routesOf() {
  const waits: Array<{ answer(): void; closed: boolean }> = [];
  const streams: PassThrough[] = [];
  const routes = (app: App) => {
    app.get('/address', async (request) => ({ ip: request.ip }));
    app.get('/wait', async (_request, reply) => {
      await new Promise<void>((resolve) => {
        const one = { answer: resolve, closed: false };
        waits.push(one);
        reply.raw.once('close', () => {
          one.closed = !reply.raw.writableFinished;
          resolve();
        });
      });
      return reply.code(204).send();
    });
    app.get('/stream', async (_request, reply) => {
      const stream = new PassThrough();
      streams.push(stream);
      return reply.type('text/event-stream').send(stream);
    });
    app.post('/large', { bodyLimit: TASKS_BODY_LIMIT }, async ({ body }) => ({
      length: (body as { text: string }).text.length,
    }));
  };
  return { routes, waits, streams };
}

describe.each(PROXIES)('a gateway behind %s', (name) => {
  const needed = skipBecause(noProxy(name), 'proxies');

  it('knows its clients when it trusts the proxy, and no forged address', needed, async ({ db }) => {
    const { routes } = routesOf();
    const gateway = await startGateway(db, { routes, server: { trusted_proxies: ['127.0.0.1'] } });
    proxy = await startProxy(name, gateway.url);
    const { hostname, port } = new URL(proxy.url);
    // From another address of this machine, since the proxy's own is trusted.
    const socket = connect({ host: hostname, port: Number(port), localAddress: '127.0.0.5' });
    socket.write('GET /address HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n');
    expect(await text(socket)).toContain('{"ip":"127.0.0.5"}');
  });

  it('ends a wait through it, and sees that a client which waits has gone', needed, async ({ db }) => {
    const { routes, waits } = routesOf();
    proxy = await startProxy(name, (await startGateway(db, { routes })).url);
    const asked = fetch(`${proxy.url}/wait`);
    await until(() => waits.length === 1);
    waits[0]!.answer();
    expect((await asked).status).toBe(204);
    for (const how of ['end', 'destroy'] as const) {
      const before = waits.length;
      const { socket } = await rawSocket(proxy.url);
      socket.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => waits.length === before + 1);
      socket[how]();
      await until(() => waits[before]!.closed, 30_000, `the end of a connection by ${how}`);
      socket.destroy();
    }
  });

  it(
    'streams events one by one, and takes large bodies; problems and readiness come through',
    needed,
    async ({ db }) => {
      const { routes, streams } = routesOf();
      proxy = await startProxy(name, (await startGateway(db, { routes })).url);
      const one = await rawSocket(proxy.url);
      one.socket.write('GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await until(() => streams.length === 1);
      for (const n of [1, 2, 3]) {
        streams[0]!.write(`id: ${n}\ndata: ${n}\n\n`);
        await until(() => one.text.includes(`data: ${n}`));
      }
      streams[0]!.end(': the gateway stops\n\n');
      await one.closed;
      expect(one.text).toContain(': the gateway stops');

      const body = JSON.stringify({ text: 'a'.repeat(9 * 1024 * 1024) });
      const headers = { 'content-type': 'application/json' };
      const large = await fetch(`${proxy.url}/large`, { method: 'POST', headers, body });
      expect([large.status, await large.json()]).toEqual([200, { length: 9 * 1024 * 1024 }]);
      // The proxy alone is seen where nobody is trusted.
      const address = await fetch(`${proxy.url}/address`, { headers: { 'x-forwarded-for': '203.0.113.7' } });
      expect(await address.json()).toEqual({ ip: '127.0.0.1' });
      const missing = await fetch(`${proxy.url}/nothing`);
      expect([missing.status, missing.headers.get('content-type')]).toEqual([
        404,
        expect.stringContaining('problem+json'),
      ]);
      expect((await fetch(`${proxy.url}/readyz`)).status).toBe(200);
    },
  );
});
