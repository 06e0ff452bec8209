// Calls to gateways that answer, fail, hang and lie: small HTTP servers of this process.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ClaimRefused } from '../../../../src/core/db/claim/finish-and-claim.ts';
import { isConnectionLost, isOutcomeUnknown } from '../../../../src/core/db/database-error.ts';
import { GatewayClient } from '../../../../src/core/remote/gateway-client.ts';

const closing: Array<() => void> = [];
afterEach(() => {
  for (const one of closing.splice(0)) one();
});

interface Asked {
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function gateway(answer: (response: ServerResponse, asked: Asked) => void) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const bytes = Buffer.concat(parts);
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      const one = { url: request.url ?? '', headers: request.headers, body: text.toString() };
      asked.push(one);
      answer(response, one);
    });
  });
  return { url: await listening(server), asked };
}

const json = (status: number, value: unknown) => (response: ServerResponse) =>
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const problem = (status: number, code: string, more: object = {}) =>
  json(status, {
    ...{ type: '/', title: code, status, detail: `it is ${code}`, code, suggestions: [], request_id: 'r' },
    ...more,
  });
const ok = json(200, { ok: true });
const DATABASE = { fault: null, rolled_back: false, undone: false, refused: false, errno: null, driver_code: null };
const answer = z.object({ ok: z.boolean() });

function client(urls: string[], callTimeoutMs = 500): GatewayClient {
  const made = new GatewayClient({ urls, apiKey: 'key', callTimeoutMs });
  closing.push(() => made.cut());
  return made;
}
const ask = (made: GatewayClient, body: unknown = {}, repeatable = false) =>
  made.call({ method: 'POST', path: 'devices/w1/exchange', body, answer, repeatable });
const errorOf = async (...urls: string[]) => {
  const error: unknown = await ask(client(urls)).catch((one: unknown) => one);
  return { error, kind: [isConnectionLost(error), isOutcomeUnknown(error)] };
};
/** Nothing listens there. */
async function closed(): Promise<string> {
  const server = createServer();
  const url = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return url;
}
const LONG = { long: 'x'.repeat(20_000) };

describe('a call to a gateway', () => {
  it('is JSON below /api/v1 with the key, compressed where it is long, as the answer may be', async () => {
    const { url, asked } = await gateway((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify({ ok: true })));
    });
    const made = client([`${url}/afd`]);
    expect(await ask(made, { short: 1 })).toEqual({ ok: true });
    await ask(made, LONG);
    expect(asked.map((one) => one.url)).toEqual(Array(2).fill('/afd/api/v1/devices/w1/exchange'));
    expect(asked[0]!.headers).toMatchObject({ authorization: 'Bearer key', 'content-type': 'application/json' });
    expect(asked[1]!.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(asked[1]!.body)).toEqual(LONG);
  });

  it('goes without compression to one that does not understand it', async () => {
    const { url, asked } = await gateway((response, { headers }) =>
      headers['content-encoding'] === 'gzip' ? problem(415, 'E_USAGE')(response) : ok(response),
    );
    const made = client([url]);
    for (let n = 0; n < 2; n += 1) await ask(made, LONG);
    expect(asked.map((one) => one.headers['content-encoding'])).toEqual(['gzip', undefined, undefined]);
  });

  it('turns to the next gateway at once where nothing was sent, and stays there', async () => {
    const { url, asked } = await gateway(ok);
    const made = client([await closed(), url]);
    for (let n = 0; n < 2; n += 1) await ask(made);
    expect([asked.length, made.where]).toEqual([2, url]);
    // Its queue of connections is full.
    expect(await ask(client(['http://192.0.2.1:9', url], 3_600_000))).toEqual({ ok: true });
  });

  it.each([
    ['cuts the connection', (response: ServerResponse) => response.socket?.destroy()],
    ['does not answer', () => {}],
    ['answers nonsense', (response: ServerResponse) => response.end('<html>')],
    ['answers something else', json(200, { other: 1 })],
    ['has lost the database', problem(503, 'E_DATABASE', { database: { ...DATABASE, retry: 'connection' } })],
  ] as const)('of which one %s has an unknown outcome, and the next call goes to another', async (_, first) => {
    const other = await gateway(ok);
    const { url } = await gateway(first);
    expect((await errorOf(url, other.url)).kind).toEqual([true, true]);
    expect(other.asked).toEqual([]);
    expect(await ask(client([url, other.url]), {}, true)).toEqual({ ok: true });
  });

  it.each([
    ['one that stops', problem(503, 'E_TEMPORARY')],
    ['a proxy without one', (response: ServerResponse) => response.writeHead(503).end()],
  ] as const)('is not carried out by %s: another is asked', async (_, first) => {
    const { url } = await gateway(first);
    expect(await ask(client([url, (await gateway(ok)).url]))).toEqual({ ok: true });
    expect((await errorOf(url)).kind).toEqual([true, false]);
  });

  it('says what the database said, so that a worker does as with a session', async () => {
    const lock = { ...DATABASE, retry: 'transaction', rolled_back: true, errno: 1213 };
    const temporary = await gateway(problem(503, 'E_TEMPORARY', { database: lock }));
    const { error } = await errorOf(temporary.url);
    expect(error).toMatchObject({ retry: 'transaction', rolledBack: true, errno: 1213 });
    const data = { ...DATABASE, retry: 'final', fault: 'data', errno: 1406, task_ids: [4, 5] };
    const refused = await errorOf((await gateway(problem(500, 'E_FAILED', { database: data }))).url);
    expect(refused.error).toBeInstanceOf(ClaimRefused);
    expect(refused.error).toMatchObject({ fault: 'data', taskIds: [4, 5] });
  });

  it.each([
    ['does not take its body', 400, 'E_USAGE', { fault: 'data' }],
    ['knows its device as that of another', 409, 'E_SUPERSEDED', { message: 'it is E_SUPERSEDED' }],
  ])('is at fault itself where the gateway %s', async (_, status, code, more) => {
    const { url } = await gateway(problem(status, code));
    expect((await errorOf(url)).error).toMatchObject({ code, ...more });
  });
});
