// AfdHttpClient against servers that answer as gateways, proxies and broken networks do.
import { getEventListeners } from 'node:events';
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

type Seen = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & { body: Buffer };
type Answer = (response: Parameters<RequestListener>[1]) => unknown;

/** The n-th request gets the n-th answer, and each later one the last. */
async function serve(...answers: Answer[]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    seen.push({ method, url, headers, body: await buffer(request) });
    answers[Math.min(seen.length, answers.length) - 1]!(response);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const json =
  (status: number, value: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
const problem = (status: number, code: string, headers: Record<string, string> = {}) => {
  const said = { type: `/docs/errors#${code}`, title: 't', status, detail: `It is ${code}.`, code };
  return json(status, { ...said, suggestions: ['afd status'], request_id: 'r1', data: { task_id: 5 } }, headers);
};
const busy = (after?: string) => problem(503, 'E_DATABASE', after === undefined ? {} : { 'retry-after': after });
const good = json(200, {});
const cut: Answer = (response) => response.socket!.destroy();

const get: OperationContract = { method: 'GET', path: '/things/{id}', params: z.object({ id: z.string() }) };
const post: OperationContract = { method: 'POST', path: '/things', body: z.object({}) };
const ask = (url: string, operation: OperationContract, input = {}, call = {}, client: Partial<ClientOptions> = {}) =>
  send({ baseUrl: url, ...client }, operation, input, call, textOf);
const one = { id: 1 };

describe('a call of AfdHttpClient', () => {
  it('puts members that the path names there, others into the query, and the answer has the type of its schema', async () => {
    const { url, seen } = await serve(json(200, { device_id: 'g1' }));
    await ask(`${url}/behind/a/proxy/`, get, { id: 'a/b?c', list: ['x', 'y'], none: undefined, n: 5 });
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/behind/a/proxy/things/a%2Fb%3Fc?list=x%2Cy&n=5' });
    const health = await new AfdHttpClient(url).health();
    expectTypeOf(health).toEqualTypeOf<{ device_id: string }>();
    expect(health.device_id).toBe('g1');
    expectTypeOf<AnswerOf<'docs'>>().toEqualTypeOf<string>();
    await expect(ask(url, get)).rejects.toThrow('"id" is missing.');
  });

  it('compresses a body that is worth it', async () => {
    const { url, seen } = await serve(good);
    const bodies = [{ text: 'x'.repeat(5000) }, { text: 'x' }];
    for (const body of bodies) await ask(url, post, { body });
    expect(seen.map(({ headers }) => headers['content-encoding'])).toEqual(['gzip', undefined]);
    expect([gunzipSync(seen[0]!.body), seen[1]!.body].map((body) => JSON.parse(body.toString()))).toEqual(bodies);
  });

  it('throws an error with the members of the problem document', async () => {
    const { url } = await serve(problem(409, 'E_CONFLICT'));
    const error = await ask(url, get, one).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AfdHttpError);
    expect(error).toMatchObject({
      ...{ message: 'It is E_CONFLICT.', status: 409, code: 'E_CONFLICT', suggestions: ['afd status'] },
      ...{ requestId: 'r1', problem: { data: { task_id: 5 } } },
    });
  });

  it.each([
    ['HTML of a proxy', 502, '<html>Bad Gateway</html>'],
    ['JSON that is no problem', 400, '{"error":"x"}'],
    ['nothing', 500, ''],
  ])('throws one without a code for %s', async (_what, status, body) => {
    const { url } = await serve((response) => response.writeHead(status).end(body));
    const expected = { name: 'AfdHttpError', status, code: undefined, problem: undefined };
    await expect(ask(url, get, one)).rejects.toMatchObject(expected);
  });

  it('follows no redirect', async () => {
    const { url, seen } = await serve((response) => response.writeHead(302, { location: '/elsewhere' }).end());
    await expect(ask(url, get, one, {}, { retries: 0 })).rejects.toThrow();
    expect(seen).toHaveLength(1);
  });
});

describe('a call is sent again', () => {
  const repeatable = { ...post, repeatable: true };
  const body = { body: {} };
  it.each<
    [
      what: string,
      answers: Answer[],
      operation: OperationContract,
      input: object,
      call: object,
      times: number,
      status?: number,
    ]
  >([
    ['after 503, as soon as Retry-After says', [busy('0'), busy('0'), good], get, one, {}, 3],
    ['with the same key, if it is a POST with one', [busy('0'), good], post, body, { idempotencyKey: 'k1' }, 2],
    ['not if it is a POST without one', [busy('0')], post, body, {}, 1, 503],
    ['if it is one that may be repeated, four times', [busy('0')], repeatable, body, {}, 4, 503],
    ['not after other answers', [problem(500, 'E_INTERNAL', { 'retry-after': '0' })], get, one, {}, 1, 500],
    ['not without Retry-After', [busy()], get, one, {}, 1, 503],
    ['not when that is too long', [busy('31')], get, one, {}, 1, 503],
    ['after a connection that was lost', [cut, good], get, one, {}, 2],
    ['not after one that was lost under a POST', [cut], post, body, {}, 1],
  ])('%s', async (_what, answers, operation, input, call, times, status) => {
    const { url, seen } = await serve(...answers);
    const end = await ask(url, operation, input, call).catch((error) => error);
    expect(end instanceof Error).toBe(answers.at(-1) !== good);
    if (status !== undefined) expect(end).toMatchObject({ status });
    expect(seen).toHaveLength(times);
    const key = (call as { idempotencyKey?: string }).idempotencyKey;
    for (const { headers } of seen) expect(headers['idempotency-key']).toBe(key);
  });

  it('no more once its signal is aborted, also while it waits', async () => {
    const stop = new AbortController();
    const { url, seen } = await serve((response) => {
      setImmediate(() => stop.abort(new Error('enough')));
      busy('20')(response);
    });
    for (let n = 0; n < 2; n += 1) await expect(ask(url, get, one, { signal: stop.signal })).rejects.toThrow();
    expect([seen.length, getEventListeners(stop.signal, 'abort')]).toEqual([1, []]);
  });

  it.each<[string, Answer]>([
    ['nothing', () => {}],
    ['the beginning of an answer', (response) => response.writeHead(200).write('{')],
  ])('or ends when one try brings %s, also after garbage was collected meanwhile', async (_what, answer) => {
    const { url, seen } = await serve(answer);
    const late = expect(new AfdHttpClient({ baseUrl: url, timeoutMs: 500, retries: 0 }).health()).rejects.toThrow(
      /timeout/,
    );
    await until(() => seen.length > 0);
    await collectGarbage();
    await late;
  });
});

const stream: OperationContract = { method: 'GET', path: '/events', answers: 'events' };
const sse =
  (text: string, then: Answer = (response) => response.end()): Answer =>
  async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const byte of Buffer.from(text)) {
      response.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    then(response);
  };
const open = sse('event: a\ndata: 1\n\n', () => {});

/** Ends within an event. */
const FIRST =
  ': comment\n\nretry: 1\nid: g:1\nevent: a\ndata: {"text":\ndata: "ä"}\n\nid: g:2\ndata: plain\n\nid: g:9\nevent: cut\ndata: {';

describe('a stream of AfdHttpClient', () => {
  it('is read event by event, however the bytes arrive, and goes on behind the last id after a break', async () => {
    const last = sse('id: g:3\nevent: b\ndata: {"n":3}\n\nevent: end\ndata: {}\n\n');
    const { url, seen } = await serve(sse(FIRST, cut), cut, last);
    const events = [];
    for await (const event of streamOf({ baseUrl: url }, stream, {}, { lastEventId: 'g:0' })) events.push(event);
    expect(events).toEqual([
      { id: 'g:1', event: 'a', data: { text: 'ä' } },
      { id: 'g:2', event: 'message', data: 'plain' },
      { id: 'g:3', event: 'b', data: { n: 3 } },
    ]);
    expect(seen.map(({ headers }) => headers['last-event-id'])).toEqual(['g:0', 'g:2', 'g:2']);
    expect(seen[0]!.headers.accept).toBe('text/event-stream');
  });

  it('ends with its signal, also after garbage was collected', async () => {
    const stop = new AbortController();
    const { url } = await serve(open);
    const events = streamOf({ baseUrl: url }, stream, {}, { signal: stop.signal });
    expect((await events.next()).value).toMatchObject({ data: 1 });
    const next = events.next();
    await collectGarbage();
    stop.abort();
    expect((await next).done).toBe(true);
  });

  it('throws when it is refused', async () => {
    const { url } = await serve(problem(400, 'E_USAGE'));
    await expect(streamOf({ baseUrl: url }, stream, {}, {}).next()).rejects.toMatchObject({ code: 'E_USAGE' });
  });

  it('leaves no connection behind when its reader stops early', async () => {
    let closed = false;
    const { url } = await serve((response) => {
      response.once('close', () => {
        closed = true;
      });
      return open(response);
    });
    for await (const { data } of new AfdHttpClient(url).events()) {
      expectTypeOf(data).toEqualTypeOf<ChangeEvent>();
      break;
    }
    await until(() => closed);
  });
});
