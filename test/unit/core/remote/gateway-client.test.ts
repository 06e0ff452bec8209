// Calls to gateways that answer, fail, hang and lie: small HTTP servers of this process.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcp } from 'node:net';
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

const json = (status: number, value: unknown) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
};
const problem = (status: number, code: string, more: object = {}) =>
  json(status, {
    type: '/',
    title: code,
    status,
    detail: `it is ${code}`,
    code,
    suggestions: [],
    request_id: 'r',
    ...more,
  });
const DATABASE = { fault: null, rolled_back: false, undone: false, refused: false, errno: null, driver_code: null };
const answer = z.object({ ok: z.boolean() });

function client(urls: string[], callTimeoutMs = 500): GatewayClient {
  const made = new GatewayClient({ urls, apiKey: 'key', callTimeoutMs });
  closing.push(() => made.cut());
  return made;
}
const ask = (made: GatewayClient, body: unknown = {}, repeatable = false) =>
  made.call({ method: 'POST', path: 'devices/w1/exchange', body, answer, repeatable });
/** Nothing listens there. */
async function closed(): Promise<string> {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('a call to a gateway', () => {
  it('is JSON below /api/v1 with the key, compressed where it is long, over one connection', async () => {
    const { url, asked } = await gateway(json(200, { ok: true }));
    const made = client([`${url}/afd`]);
    expect(await ask(made, { short: 1 })).toEqual({ ok: true });
    await ask(made, { long: 'x'.repeat(20_000) });
    expect(asked.map((one) => one.url)).toEqual(['/afd/api/v1/devices/w1/exchange', '/afd/api/v1/devices/w1/exchange']);
    expect(asked[0]!.headers).toMatchObject({ authorization: 'Bearer key', 'content-type': 'application/json' });
    expect(asked[1]!.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(asked[1]!.body).long).toHaveLength(20_000);
  });

  it('reads a compressed answer', async () => {
    const { url } = await gateway((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify({ ok: true })));
    });
    expect(await ask(client([url]))).toEqual({ ok: true });
  });

  it('goes without compression to one that does not understand it', async () => {
    const { url, asked } = await gateway((response, { headers }) =>
      headers['content-encoding'] === 'gzip' ? problem(415, 'E_USAGE')(response) : json(200, { ok: true })(response),
    );
    const made = client([url]);
    await ask(made, { long: 'x'.repeat(20_000) });
    await ask(made, { long: 'x'.repeat(20_000) });
    expect(asked.map((one) => one.headers['content-encoding'])).toEqual(['gzip', undefined, undefined]);
  });

  it('turns to the next gateway at once where nothing was sent, and stays there', async () => {
    const { url, asked } = await gateway(json(200, { ok: true }));
    const made = client([await closed(), url]);
    await ask(made);
    await ask(made);
    expect(asked).toHaveLength(2);
    expect(made.where).toBe(url);
  });

  it.each([
    ['cuts the connection', (response: ServerResponse) => response.socket?.destroy()],
    ['does not answer', () => {}],
    ['answers nonsense', (response: ServerResponse) => response.end('<html>')],
    ['answers something else', json(200, { other: 1 })],
    ['answers 502', (response: ServerResponse) => response.writeHead(502).end('bad gateway')],
    ['has lost the database', problem(503, 'E_DATABASE', { database: { ...DATABASE, retry: 'connection' } })],
  ] as const)('of which one %s has an unknown outcome, and the next call goes to another', async (_, first) => {
    const other = await gateway(json(200, { ok: true }));
    const { url } = await gateway(first);
    const made = client([url, other.url]);
    const error = await ask(made).catch((one: unknown) => one);
    expect([isConnectionLost(error), isOutcomeUnknown(error)]).toEqual([true, true]);
    expect(other.asked).toEqual([]);
    expect(await ask(made)).toEqual({ ok: true });
    const again = client([url, other.url]);
    expect(await ask(again, {}, true)).toEqual({ ok: true });
  });

  it.each([
    ['one that stops', problem(503, 'E_TEMPORARY')],
    ['a proxy without one', (response: ServerResponse) => response.writeHead(503).end()],
    ['one that is asked too much', problem(429, 'E_TEMPORARY')],
  ] as const)('is not carried out by %s: another is asked', async (_, first) => {
    const { url } = await gateway(first);
    const other = await gateway(json(200, { ok: true }));
    expect(await ask(client([url, other.url]))).toEqual({ ok: true });
    const error = await ask(client([url])).catch((one: unknown) => one);
    expect([isConnectionLost(error), isOutcomeUnknown(error)]).toEqual([true, false]);
  });

  it('says what the database said, so that a worker does as with a session', async () => {
    const lock = { ...DATABASE, retry: 'transaction', rolled_back: true, errno: 1213 };
    const made = client([(await gateway(problem(503, 'E_TEMPORARY', { database: lock }))).url]);
    await expect(ask(made)).rejects.toMatchObject({ retry: 'transaction', rolledBack: true, errno: 1213 });
    const data = { ...DATABASE, retry: 'final', fault: 'data', errno: 1406, task_ids: [4, 5] };
    const refused = await ask(client([(await gateway(problem(500, 'E_FAILED', { database: data }))).url])).catch(
      (one: unknown) => one,
    );
    expect(refused).toBeInstanceOf(ClaimRefused);
    expect(refused).toMatchObject({ fault: 'data', taskIds: [4, 5] });
  });

  it('is at fault itself where the gateway does not take its body', async () => {
    for (const status of [400, 413]) {
      const { url } = await gateway(problem(status, 'E_USAGE'));
      await expect(ask(client([url]))).rejects.toMatchObject({ code: 'E_USAGE', fault: 'data' });
    }
  });

  it('ends a worker whose device id another has', async () => {
    const { url } = await gateway(problem(409, 'E_SUPERSEDED'));
    await expect(ask(client([url]))).rejects.toMatchObject({ code: 'E_SUPERSEDED', message: 'it is E_SUPERSEDED' });
  });

  it('gives up a gateway to which no connection comes about', async () => {
    // Its queue of connections is full.
    const { url } = await gateway(json(200, { ok: true }));
    await expect(ask(client(['http://192.0.2.1:9', url], 3_600_000))).resolves.toEqual({ ok: true });
  });

  it('shows no password of an address in its error', async () => {
    const error = await ask(client([await closed()])).catch((one: unknown) => one);
    expect((error as Error).message).toMatch(/^The gateway at http:\/\/127\.0\.0\.1:\d+ cannot be reached: /);
  });
});
