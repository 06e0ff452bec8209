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

const MB = 1024 * 1024;
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`;
const post = (headers: string, body = '') =>
  `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
const json = (body: string) => post(`Connection: close\r\nContent-Length: ${body.length}\r\n`, body);
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** Routes that say what they got. */
const routes = (app: App) => {
  app.post('/echo', async (request) => ({ got: request.body }));
  app.post('/large', { bodyLimit: TASKS_BODY_LIMIT }, async () => ({}));
  app.get('/address', async (request) => ({ ip: request.ip }));
};

describe('a request', () => {
  it.for([
    ['no HTTP', 'HELLO\r\n\r\n', 400],
    ['both a length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
    ['headers of 20 KB', get('/healthz', `X: ${'a'.repeat(20_000)}\r\n`), 431],
    ['a path of 9,000 characters', get(`/${'a'.repeat(9000)}`), 414],
    ['a path that is not encoded right', get('/api/v1/%zz'), 400],
    ['a path that does not exist', get('/nothing'), 404],
    ['a body that is no JSON', json('hello'), 400],
    ['a body that would change prototypes', json('{"__proto__":{"a":1}}'), 400],
    ['a body that would do so by a constructor', json('{"a":{"constructor":{"prototype":{"b":1}}}}'), 400],
    ['a body of 101 levels', json(nested(101)), 400],
    // Without a length: it is counted as it comes.
    ['a body of 2 MB', post('Transfer-Encoding: chunked\r\n', `200000\r\n${'a'.repeat(2 * MB)}\r\n`), 413],
  ] as const)('with %s is refused, in a problem document', async ([, sent, status], { db }) => {
    const { url } = await startGateway(db, { routes });
    const answer = await exchange(url, sent);
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect([statusOf(answer), JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).status]).toEqual([
      status,
      status,
    ]);
    expect(statusOf(await exchange(url, json(nested(100))))).toBe(200);
  });

  it('may have a body of 1 MB, and of 10 MB where its route takes many tasks, packed or not', async ({ db }) => {
    const { call } = await startGateway(db, { routes });
    const text = (bytes: number) => ({ text: 'a'.repeat(bytes) });
    for (const [path, bytes, status] of [
      ['/echo', MB - 100, 200],
      ['/echo', MB + 100, 413],
      ['/large', 10 * MB - 100, 200],
      ['/large', 10 * MB + 100, 413],
    ] as const)
      expect([path, bytes, (await call(path, text(bytes))).status]).toEqual([path, bytes, status]);
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const body = new Uint8Array(gzipSync(JSON.stringify(text(50_000_000))));
    expect((await call('/echo', undefined, { method: 'POST', headers, body })).status).toBe(413);
  });
});

describe('a connection', () => {
  it('that sends its headers too slowly is ended with 408, and others are served', async ({ db }) => {
    const { url, call } = await startGateway(db, { limits: { headersMs: 300, requestMs: 600, checkMs: 50 } });
    const sent = [
      '',
      'GET /healthz HTTP/1.1\r\nHost: a\r\nX: ',
      'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n',
    ];
    const all = await Promise.all(sent.map(() => rawSocket(url)));
    for (const [n, one] of all.entries()) one.socket.write(sent[n]!);
    expect((await call('/healthz')).status).toBe(200);
    await Promise.all(all.map((one) => one.closed));
    expect(statusOf(all[1]!.text)).toBe(408);
  });

  it('is refused beyond the number of one address, and again possible when one of them is closed', async ({ db }) => {
    const { url, lines } = await startGateway(db, { limits: { connectionsPerAddress: 3 } });
    const three = await Promise.all([1, 2, 3].map(() => rawSocket(url)));
    const fourth = await rawSocket(url);
    await fourth.closed;
    expect(fourth.text).toBe('');
    expect(lines.join()).toContain('refused a connection from 127.0.0.1, which has 3 already');
    three[0]!.socket.destroy();
    await until(async () => statusOf(await exchange(url, get('/healthz')).catch(() => '')) === 200);
    for (const one of three) one.socket.destroy();
  });
});

describe('requests', () => {
  it('beyond the rate of an address get 429 with Retry-After; health is told all the same', async ({ db }) => {
    const { call, lines } = await startGateway(db, { routes, limits: { requestsPerAddress: 5 } });
    const answers = await Promise.all(Array.from({ length: 40 }, () => call('/address')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(35);
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused[0]!.json).toMatchObject({ status: 429, code: 'E_TEMPORARY' });
    expect(lines.join()).toContain('are refused with 429');
    for (let n = 0; n < 20; n += 1) expect((await call('/healthz')).status).toBe(200);
    await until(async () => (await call('/address')).status === 200);
  });

  it.for<[string, (key: string) => [path: string, headers: Record<string, string>]]>([
    ['for a device', (id) => [`/address?device_id=${id}`, {}]],
    ['with a key', (key) => ['/address', { authorization: `Bearer ${key}` }]],
  ])('%s, beyond its rate, are refused, and those of another are not', async ([, of], { db }) => {
    const { call } = await startGateway(db, { routes, limits: { requestsPerKey: 3 } });
    const ask = async (key: string) => {
      const [path, headers] = of(key);
      return (await call(path, undefined, { headers })).status;
    };
    expect(await Promise.all(Array.from({ length: 30 }, () => ask('one')))).toContain(429);
    expect(await ask('two')).toBe(200);
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
});
