// What one client may take of a gateway.
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import type { App } from '../../../src/gateway/app.ts';
import { TASKS_BODY_LIMIT } from '../../../src/gateway/protection/limits.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { exchange, rawSocket, statusOf } from '../../helpers/raw-http.ts';
import { until } from '../../helpers/wait.ts';

afterEach(stopGateways);

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`;
const post = (headers: string, body = '') =>
  `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
const json = (body: string) =>
  `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** Routes that say what they got. */
const routes = (app: App) => {
  app.post('/echo', async (request) => ({ got: request.body }));
  app.post('/large', { bodyLimit: TASKS_BODY_LIMIT }, async (request) => ({
    length: (request.body as { text: string }).text.length,
  }));
  app.get('/address', async (request) => ({ ip: request.ip }));
};

describe('a request', () => {
  it('that is no HTTP is answered with a problem document, and told of once a second', async ({ db }) => {
    const { url, lines } = await startGateway(db);
    const sent = ['\x16\x03\x01\x02\x00\x01\x00', 'HELLO\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\r\n\r\n\0\0'];
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => exchange(url, sent[n % 4]!)));
    for (const answer of answers) {
      expect(statusOf(answer)).toBe(400);
      expect(answer).toContain('Content-Type: application/problem+json');
      expect(problemIn(answer)).toMatchObject({ status: 400, code: 'E_USAGE' });
    }
    const told = lines.filter((line) => line.includes('was refused with 400'));
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(answers.length / 2);
  });

  it.for([
    ['both a length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
    ['two lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'), 400],
    ['a line break inside a header', get('/healthz', 'X: a\rb\r\n'), 400],
    ['headers of 20 KB', get('/healthz', `X: ${'a'.repeat(20_000)}\r\n`), 431],
    ['headers of 20 KB that never end', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}`, 431],
    ['a path of 9,000 characters', get(`/${'a'.repeat(9000)}`), 414],
    ['a path that is not encoded right', get('/api/v1/%zz'), 400],
    ['a path that does not exist', get('/nothing'), 404],
    ['a body that is no JSON', json('hello'), 400],
    ['a body that would change prototypes', json('{"__proto__":{"a":1}}'), 400],
    ['a body that would do so by a constructor', json('{"a":{"constructor":{"prototype":{"b":1}}}}'), 400],
    ['a body of 101 levels', json(nested(101)), 400],
    ['a body of 400,000 levels', json(nested(400_000)), 400],
  ] as const)('with %s is refused, in a problem document', async ([, sent, status], { db }) => {
    const { url } = await startGateway(db, { routes });
    const answer = await exchange(url, sent);
    expect(statusOf(answer)).toBe(status);
    expect(problemIn(answer)).toMatchObject({ status });
    expect(statusOf(await exchange(url, json(nested(100))))).toBe(200);
  });

  it('may have a body of 1 MB, and of 10 MB where its route takes results or logs', async ({ db }) => {
    const { call, url } = await startGateway(db, { routes });
    const MB = 1024 * 1024;
    const text = (bytes: number) => ({ text: 'a'.repeat(bytes - 100) });
    expect((await call('/large', text(10 * MB))).json).toEqual({ length: 10 * MB - 100 });
    expect((await call('/echo', text(MB))).status).toBe(200);
    for (const [path, size] of [
      ['/echo', MB + 200],
      ['/large', 10 * MB + 200],
    ] as const) {
      const { status, json } = await call(path, text(size));
      expect([status, json.status, json.code]).toEqual([413, 413, 'E_USAGE']);
    }
    // Without a length: it is counted as it comes.
    const one = await rawSocket(url);
    one.socket.write(post('Transfer-Encoding: chunked\r\n'));
    for (let n = 0; n < 32; n += 1) one.socket.write(`10000\r\n${'a'.repeat(0x10000)}\r\n`);
    await one.closed;
    expect(statusOf(one.text)).toBe(413);
  });

  it('whose body is small only while it is packed is not unpacked beyond the limit', async ({ db }) => {
    const { call } = await startGateway(db, { routes });
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const body = new Uint8Array(gzipSync(JSON.stringify({ text: 'a'.repeat(50_000_000) })));
    expect((await call('/echo', undefined, { method: 'POST', headers, body })).status).toBe(413);
  });
});

describe('a connection', () => {
  it('that sends its headers too slowly is ended with 408, and others are served', async ({ db }) => {
    const { url, call } = await startGateway(db, { limits: { headersMs: 300, requestMs: 600, checkMs: 50 } });
    const silent = await rawSocket(url);
    const slow = await rawSocket(url);
    slow.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\nX: ');
    const body = await rawSocket(url);
    body.socket.write('POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhell');
    expect((await call('/healthz')).status).toBe(200);
    await Promise.all([silent.closed, slow.closed, body.closed]);
    expect(statusOf(slow.text)).toBe(408);
  });

  it('is refused beyond the number of one address, and again possible when one of them is closed', async ({ db }) => {
    const { url, lines } = await startGateway(db, { limits: { connectionsPerAddress: 3 } });
    const three = await Promise.all([1, 2, 3].map(() => rawSocket(url)));
    const fourth = await rawSocket(url);
    await fourth.closed;
    expect(fourth.text).toBe('');
    expect(lines.some((line) => line.includes('refused a connection from 127.0.0.1, which has 3 already'))).toBe(true);
    three[0]!.socket.destroy();
    await until(async () => statusOf(await exchange(url, get('/healthz')).catch(() => '')) === 200);
    for (const one of three) one.socket.destroy();
  });

  it('of a trusted proxy is not counted by address, but by the number of all', async ({ db }) => {
    const server = { trusted_proxies: ['127.0.0.0/8'] };
    const { url } = await startGateway(db, { server, limits: { connectionsPerAddress: 1, connections: 3 } });
    const three = await Promise.all([1, 2, 3].map(() => rawSocket(url)));
    const fourth = await rawSocket(url);
    await fourth.closed;
    three[2]!.socket.write(get('/healthz'));
    await three[2]!.closed;
    expect(statusOf(three[2]!.text)).toBe(200);
    for (const one of three) one.socket.destroy();
  });
});

describe('requests', () => {
  it('beyond the rate of an address get 429 with Retry-After; health is told all the same', async ({ db }) => {
    const { call, lines } = await startGateway(db, { routes, limits: { requestsPerAddress: 5 } });
    const answers = await Promise.all(Array.from({ length: 40 }, () => call('/address')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(5);
    for (const { headers, json } of refused) {
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(json).toMatchObject({ status: 429, code: 'E_TEMPORARY' });
    }
    expect(lines.some((line) => line.includes('are refused with 429'))).toBe(true);
    for (let n = 0; n < 20; n += 1) expect((await call('/healthz')).status).toBe(200);
    await until(async () => (await call('/address')).status === 200);
  });

  it('beyond the rate of a key are refused, and those with another key are not', async ({ db }) => {
    const { call } = await startGateway(db, { routes, limits: { requestsPerKey: 3 } });
    const ask = (n: number, key: string) =>
      Promise.all(Array.from({ length: n }, () => call(`/address?device_id=${key}`)));
    expect((await ask(30, 'one')).some(({ status }) => status === 429)).toBe(true);
    expect((await ask(3, 'two')).map(({ status }) => status)).toEqual([200, 200, 200]);
    const bearer = (secret: string) => call('/address', undefined, { headers: { authorization: `Bearer ${secret}` } });
    const many = await Promise.all(Array.from({ length: 30 }, () => bearer('a')));
    expect(many.some(({ status }) => status === 429)).toBe(true);
    expect((await bearer('b')).status).toBe(200);
  });
});

describe('X-Forwarded-For', () => {
  it.for<[string, string[], string]>([
    ['is ignored when nobody is trusted', [], '127.0.0.1'],
    ['is ignored from an address that is not a trusted proxy', ['10.0.0.0/8'], '127.0.0.1'],
    ['of a trusted proxy names the client', ['127.0.0.1'], '198.51.100.9'],
    ['is read up to the last that is not trusted itself', ['127.0.0.1', '198.51.100.0/24'], '203.0.113.7'],
  ])('%s', async ([, trusted_proxies, ip], { db }) => {
    const { call } = await startGateway(db, { routes, server: { trusted_proxies } });
    const headers = { 'x-forwarded-for': '203.0.113.7, 198.51.100.9' };
    expect((await call('/address', undefined, { headers })).json).toEqual({ ip });
  });
});

it('every answer says to browsers that nothing in it is run, framed, sniffed or read by other sites', async ({
  db,
}) => {
  const { url } = await startGateway(db);
  const stop = new AbortController();
  for (const path of ['/healthz', '/docs', '/openapi.json', '/api/v1/tasks', '/api/v1/events', '/nothing']) {
    const { headers } = await fetch(url + path, { signal: stop.signal });
    expect({ path, ...Object.fromEntries(headers) }).toMatchObject({
      path,
      'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': expect.stringMatching(path.startsWith('/api') ? /no-store|private, no-cache/ : /./),
    });
    expect([...headers.keys()].join()).not.toContain('access-control');
  }
  stop.abort();
  const asks = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  const preflight = await fetch(`${url}/api/v1/tasks`, { method: 'OPTIONS', headers: asks });
  expect([...preflight.headers.keys()].join()).not.toContain('access-control');
});
