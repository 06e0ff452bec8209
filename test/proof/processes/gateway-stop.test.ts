// How a gateway stops, and what it tells a load balancer meanwhile.
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect } from 'vitest';
import type { Gateway } from '../../../src/core/gateway/gateway.ts';
import type { App } from '../../../src/gateway/app.ts';
import { drain } from '../../../src/gateway/run-gateway.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { type RawSocket, rawSocket, statusOf } from '../../helpers/raw-http.ts';
import { until } from '../../helpers/wait.ts';

afterEach(stopGateways);

/** Routes as there are: one that works for a while, one that waits for news, one that streams. */
function slowRoutes() {
  let finish: () => void = () => {};
  const seen = { work: 0, wait: 0, stream: 0 };
  const routes = (app: App, gateway: Gateway) => {
    app.get('/slow', async () => {
      seen.work += 1;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { done: true };
    });
    app.get('/wait', async (_request, reply) => {
      seen.wait += 1;
      await new Promise<void>((resolve) => gateway.stopping.addEventListener('abort', () => resolve(), { once: true }));
      return reply.code(204).send();
    });
    app.get('/stream', async (_request, reply) => {
      seen.stream += 1;
      const stream = new PassThrough();
      stream.write(': hello\n\n');
      gateway.stopping.addEventListener('abort', () => stream.end(': the gateway stops\n\n'), { once: true });
      return reply.type('text/event-stream').send(stream);
    });
  };
  return { routes, seen, finish: () => finish() };
}

const ask = async ({ url }: TestGateway, path: string, more = '') => {
  const one = await rawSocket(url);
  one.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`);
  return one;
};

describe('a gateway that stops', () => {
  it('ends waits and streams at once, finishes the answer under way, and accepts nothing more', async ({ db }) => {
    const { routes, seen, finish } = slowRoutes();
    const gateway = await startGateway(db, { routes });
    const paths = ['/slow', '/wait', '/stream', '/healthz'];
    const asked = await Promise.all(paths.map((path) => ask(gateway, path)));
    const [work, wait, stream, kept] = asked as [RawSocket, RawSocket, RawSocket, RawSocket];
    const half = await rawSocket(gateway.url);
    half.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n');
    await until(
      () => seen.work + seen.wait + seen.stream === 3 && stream.text.includes(': hello') && statusOf(kept.text) === 200,
    );

    gateway.gateway.beginStop();
    const stopped = drain(gateway.app, 60_000, new AbortController().signal);
    // Those wait for nothing; and connections without a request under way are closed.
    await Promise.all([wait.closed, stream.closed, kept.closed, half.closed]);
    expect(statusOf(wait.text)).toBe(204);
    expect(wait.text.toLowerCase()).toContain('connection: close');
    expect(stream.text).toContain(': the gateway stops');
    await expect(rawSocket(gateway.url)).rejects.toThrow('ECONNREFUSED');
    expect(work.text).toBe('');
    finish();
    await Promise.all([work.closed, stopped]);
    expect(statusOf(work.text)).toBe(200);
    expect(work.text).toContain('{"done":true}');
  });

  it('says so on connections that are open: 503 to requests, and in readyz; healthz stays', async ({ db }) => {
    const { routes, seen, finish } = slowRoutes();
    const gateway = await startGateway(db, { routes });
    const { call } = gateway;
    const work = ask(gateway, '/slow');
    await until(() => seen.work === 1);
    expect(await call('/readyz')).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
    gateway.gateway.beginStop();
    const stopping = { ready: false, reasons: [{ reason: 'stopping' }] };
    expect(await call('/readyz')).toMatchObject({ status: 503, json: stopping });
    expect((await call('/healthz')).status).toBe(200);
    const { status, json, headers } = await call('/slow');
    const told = ['retry-after', 'connection'].map((name) => headers.get(name));
    expect([status, json.code, ...told]).toEqual([503, 'E_TEMPORARY', '2', 'close']);
    finish();
    await until(async () => statusOf((await work).text) === 200);
  });

  it('cuts what does not end in its time, and everything at once when it is forced', async ({ db }) => {
    const { routes, seen } = slowRoutes();
    for (const [ms, force] of [
      [50, new AbortController().signal],
      [60_000, AbortSignal.abort()],
    ] as const) {
      const gateway = await startGateway(db, { routes });
      const before = seen.work;
      const work = await ask(gateway, '/slow');
      await until(() => seen.work === before + 1);
      gateway.gateway.beginStop();
      await Promise.all([drain(gateway.app, ms, force), work.closed]);
      expect(work.text).toBe('');
    }
  });
});

describe('readyz', () => {
  it('names a schema that is not the one of this version', async ({ db, session }) => {
    const { call } = await startGateway(db);
    await session.write(`INSERT INTO ${db.names.migration} (name) VALUES ('9999_of_the_future.js')`);
    await until(async () => (await call('/readyz')).json.reasons[0]?.reason === 'schema');
    await session.write(`DELETE FROM ${db.names.migration} WHERE name = '9999_of_the_future.js'`);
    await until(async () => (await call('/readyz')).status === 200);
  });

  it('names an overload, and requests that wait for too long are refused', async ({ db }) => {
    const { gateway, call } = await startGateway(db);
    const { requests } = gateway;
    const blocked: Array<() => void> = [];
    const hold = () => requests.use(() => new Promise<void>((resolve) => blocked.push(resolve)));
    const holding = Array.from({ length: 8 }, hold);
    await until(() => blocked.length === 8);
    const waiting = Promise.allSettled(Array.from({ length: 600 }, () => requests.use(async () => {})));
    expect(await call('/readyz')).toMatchObject({ status: 503, json: { reasons: [{ reason: 'overloaded' }] } });
    // Nobody waits for ever: after five seconds all have been refused.
    expect(new Set((await waiting).map(({ status }) => status))).toEqual(new Set(['rejected']));
    for (const release of blocked) release();
    await Promise.all(holding);
    await until(async () => (await call('/readyz')).status === 200);
  });
});
