// AfdHttpClient against servers that answer as gateways, proxies and broken networks do.
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { textOf } from '../../../src/http/client/body.ts';
import { streamOf } from '../../../src/http/client/event-stream.ts';
import { AfdHttpClient, AfdHttpError, type AnswerOf } from '../../../src/http/client/index.ts';
import { type ClientOptions, send } from '../../../src/http/client/send.ts';
import type { ChangeEvent } from '../../../src/http/events-contract.ts';
import type { OperationContract } from '../../../src/http/operations/operation.ts';
import { collectGarbage } from '../../helpers/garbage.ts';
import { until } from '../../helpers/wait.ts';

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

type Response_ = Parameters<RequestListener>[1];

async function serve(answer: (seen: Seen, n: number) => (response: Response_) => void) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const one = { method, url, headers, body: await buffer(request) };
    seen.push(one);
    answer(one, seen.length)(response);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const json =
  (status: number, value: unknown, headers: Record<string, string> = {}) =>
  (response: Response_) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
const problem = (status: number, code: string, headers: Record<string, string> = {}) => {
  const said = { type: `/docs/errors#${code}`, title: 't', status, detail: `It is ${code}.`, code };
  return json(status, { ...said, suggestions: ['afd status'], request_id: 'r1', data: { task_id: 5 } }, headers);
};
const busy = (after?: string) => problem(503, 'E_DATABASE', after === undefined ? {} : { 'retry-after': after });

const get: OperationContract = { method: 'GET', path: '/things/{id}', params: z.object({ id: z.string() }) };
const post: OperationContract = { method: 'POST', path: '/things', body: z.object({}) };
const ask = (url: string, operation: OperationContract, input = {}, call = {}, client: Partial<ClientOptions> = {}) =>
  send({ baseUrl: url, ...client }, operation, input, call, textOf);

describe('a call of AfdHttpClient', () => {
  it('puts members that the path names there, others into the query, and the answer has the type of its schema', async () => {
    const { url, seen } = await serve(() => json(200, { device_id: 'g1' }));
    await ask(`${url}/behind/a/proxy/`, get, { id: 'a/b?c', list: ['x', 'y'], none: undefined, n: 5 });
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/behind/a/proxy/things/a%2Fb%3Fc?list=x%2Cy&n=5' });
    const health = await new AfdHttpClient(url).health();
    expectTypeOf(health).toEqualTypeOf<{ device_id: string }>();
    expect(health.device_id).toBe('g1');
    expectTypeOf<AnswerOf<'docs'>>().toEqualTypeOf<string>();
    await expect(ask(url, get)).rejects.toThrow('"id" is missing.');
  });

  it('compresses a body that is worth it', async () => {
    const { url, seen } = await serve(() => json(200, {}));
    await ask(url, post, { body: { text: 'x'.repeat(5000) } });
    await ask(url, post, { body: { text: 'x' } });
    expect(seen[0]!.headers['content-encoding']).toBe('gzip');
    expect(seen[0]!.body.length).toBeLessThan(200);
    expect(JSON.parse(gunzipSync(seen[0]!.body).toString())).toEqual({ text: 'x'.repeat(5000) });
    expect(seen[1]!.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(seen[1]!.body.toString())).toEqual({ text: 'x' });
  });

  it('throws an error with the members of the problem document', async () => {
    const { url } = await serve(() => problem(409, 'E_CONFLICT'));
    const error = await ask(url, get, { id: 1 }).catch((one) => one);
    expect(error).toBeInstanceOf(AfdHttpError);
    expect(error).toMatchObject({
      message: 'It is E_CONFLICT.',
      status: 409,
      code: 'E_CONFLICT',
      suggestions: ['afd status'],
      requestId: 'r1',
      problem: { data: { task_id: 5 } },
    });
  });

  it.each([
    ['HTML of a proxy', 502, '<html>Bad Gateway</html>'],
    ['JSON that is no problem', 400, '{"error":"x"}'],
    ['JSON of another kind', 400, 'null'],
    ['nothing', 500, ''],
  ])('throws one without a code for %s', async (_what, status, body) => {
    const { url } = await serve(() => (response) => response.writeHead(status).end(body));
    const error = await ask(url, get, { id: 1 }).catch((one) => one);
    expect(error).toMatchObject({ name: 'AfdHttpError', status, code: undefined, problem: undefined });
  });

  it('follows no redirect', async () => {
    const { url, seen } = await serve(() => (response) => response.writeHead(302, { location: '/elsewhere' }).end());
    await expect(ask(url, get, { id: 1 }, {}, { retries: 0 })).rejects.toThrow();
    expect(seen).toHaveLength(1);
  });
});

describe('a call is sent again', () => {
  it('after 503, as soon as Retry-After says', async () => {
    const { url, seen } = await serve((_one, n) => (n < 3 ? busy('0') : json(200, {})));
    await ask(url, get, { id: 1 });
    expect(seen).toHaveLength(3);
  });

  it('with the same key, if it is a POST with an Idempotency-Key; without one it is not', async () => {
    const { url, seen } = await serve((_one, n) => (n === 1 ? busy('0') : json(200, {})));
    await ask(url, post, { body: {} }, { idempotencyKey: 'k1' });
    expect(seen.map((one) => one.headers['idempotency-key'])).toEqual(['k1', 'k1']);
    const other = await serve(() => busy('0'));
    await expect(ask(other.url, post, { body: {} })).rejects.toMatchObject({ status: 503, retryAfter: 0 });
    expect(other.seen).toHaveLength(1);
    await expect(ask(other.url, { ...post, repeatable: true }, { body: {} })).rejects.toThrow();
    expect(other.seen).toHaveLength(1 + 4);
  });

  it('not after other answers, nor without Retry-After, nor when that is too long, nor more often than allowed', async () => {
    const answers = [problem(500, 'E_INTERNAL', { 'retry-after': '0' }), busy(), busy('31')];
    const { url, seen } = await serve((_one, n) => answers[n - 1]!);
    for (const status of [500, 503, 503]) await expect(ask(url, get, { id: 1 })).rejects.toMatchObject({ status });
    expect(seen).toHaveLength(3);
    const often = await serve(() => busy('0'));
    await expect(ask(often.url, get, { id: 1 }, {}, { retries: 1 })).rejects.toThrow();
    expect(often.seen).toHaveLength(2);
  });

  it('after a connection that was lost', async () => {
    const { url, seen } = await serve((_one, n) =>
      n === 1 ? (response) => response.socket!.destroy() : json(200, {}),
    );
    await ask(url, get, { id: 1 });
    expect(seen).toHaveLength(2);
    const lost = await serve(() => (response) => response.socket!.destroy());
    await expect(ask(lost.url, post, { body: {} })).rejects.toThrow();
    expect(lost.seen).toHaveLength(1);
  });

  it('no more once its signal is aborted, also while it waits', async () => {
    const stop = new AbortController();
    const { url, seen } = await serve(() => {
      setImmediate(() => stop.abort(new Error('enough')));
      return busy('20');
    });
    await expect(ask(url, get, { id: 1 }, { signal: stop.signal })).rejects.toThrow();
    expect(seen).toHaveLength(1);
    await expect(ask(url, get, { id: 1 }, { signal: stop.signal })).rejects.toThrow();
    expect(seen).toHaveLength(1);
  });

  it.each([
    ['nothing', () => () => {}],
    ['the beginning of an answer', () => (response: Response_) => void response.writeHead(200).write('{')],
  ])('or ends when one try brings %s, also after garbage was collected meanwhile', async (_what, answer) => {
    const { url, seen } = await serve(answer);
    const call = new AfdHttpClient({ baseUrl: url, timeoutMs: 500, retries: 0 }).health();
    const late = expect(call).rejects.toThrow(/timeout/);
    await until(() => seen.length > 0);
    await collectGarbage();
    await late;
  });
});

const stream: OperationContract = { method: 'GET', path: '/events', answers: 'events' };
const sse =
  (text: string, end = true) =>
  (response: Response_) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(text);
    if (end) response.end();
  };

/** Ends within an event. */
const FIRST =
  ': comment\n\nretry: 1\nid: g:1\nevent: a\ndata: {"text":\ndata: "ä"}\n\nid: g:2\ndata: plain\n\nid: g:9\nevent: cut\ndata: {';

describe('a stream of AfdHttpClient', () => {
  it('is read event by event, however the bytes arrive, and goes on behind the last id after a break', async () => {
    const { url, seen } = await serve((_one, n) => {
      if (n === 2) return (response) => response.socket!.destroy();
      if (n === 3) return sse('id: g:3\nevent: b\ndata: {"n":3}\n\nevent: end\ndata: {}\n\n');
      return async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (const byte of Buffer.from(FIRST)) {
          response.write(Buffer.from([byte]));
          await new Promise(setImmediate);
        }
        response.socket!.destroy();
      };
    });
    const events = [];
    for await (const event of streamOf({ baseUrl: url }, stream, {}, { lastEventId: 'g:0' })) events.push(event);
    expect(events).toEqual([
      { id: 'g:1', event: 'a', data: { text: 'ä' } },
      { id: 'g:2', event: 'message', data: 'plain' },
      { id: 'g:3', event: 'b', data: { n: 3 } },
    ]);
    expect(seen.map((one) => one.headers['last-event-id'])).toEqual(['g:0', 'g:2', 'g:2']);
    expect(seen[0]!.headers.accept).toBe('text/event-stream');
  });

  it('ends with its signal, also after garbage was collected', async () => {
    const stop = new AbortController();
    const { url } = await serve(() => sse('event: a\ndata: 1\n\n', false));
    const seen: unknown[] = [];
    const ended = (async () => {
      for await (const event of streamOf({ baseUrl: url }, stream, {}, { signal: stop.signal })) seen.push(event);
    })();
    await until(() => seen.length > 0);
    await collectGarbage();
    stop.abort();
    await ended;
    expect(seen).toHaveLength(1);
  });

  it('throws when it is refused', async () => {
    const { url } = await serve(() => problem(400, 'E_USAGE'));
    await expect(streamOf({ baseUrl: url }, stream, {}, {}).next()).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('leaves no connection behind when its reader stops early', async () => {
    let closed = false;
    const { url } = await serve(() => (response) => {
      response.once('close', () => {
        closed = true;
      });
      sse('event: a\ndata: 1\n\n', false)(response);
    });
    const events = new AfdHttpClient(url).events();
    for await (const { data } of events) {
      expectTypeOf(data).toEqualTypeOf<ChangeEvent>();
      break;
    }
    await until(() => closed);
  });
});
