// What a gateway believes of its clients, and where it listens.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listenAddress } from '../../../src/core/gateway/listen-address.ts';
import { together } from '../../../src/core/runtime/together.ts';
import { addressIn, fromProxyOrHere, networkOf } from '../../../src/gateway/protection/client-address.ts';
import { isDeeperThan } from '../../../src/gateway/protection/json-body.ts';
import { invalidRequest, oneOf } from '../../../src/gateway/server/invalid-request.ts';
import { ToldSeldom } from '../../../src/gateway/server/told-seldom.ts';

describe('where a gateway listens', () => {
  const tls = { tls_cert: 'c', tls_key: 'k' };
  const host = '0.0.0.0';
  const loopback = { host: '127.0.0.1', port: 8000, reach: 'loopback' };

  it('on 127.0.0.1 and port 8000 when nothing is configured', () => {
    for (const server of [{}, { host: ' ' }, { host: 'LocalHost' }])
      expect(listenAddress(server)).toMatchObject(loopback);
  });

  it.each(['127.8.9.10', '::1', '::ffff:127.0.0.1'])('%s as it was asked to', (own) => {
    expect(listenAddress({ host: own, port: 8001 })).toEqual({ host: own, port: 8001, reach: 'loopback' });
  });

  it.each([...['0.0.0.0', '::', '192.168.1.10', 'fe80::1', '::1%lo', '127.1', '127.0.0.1.example.com', 'localhost.']])(
    'on this machine alone for "%s", and says so with the reason',
    (other) => {
      const { warning, ...address } = listenAddress({ host: other, port: 1 });
      expect(address).toEqual({ ...loopback, port: 1 });
      expect(warning).toContain(`server.host is "${other}", but the gateway listens on 127.0.0.1 only, because`);
    },
  );

  it('where it was asked to, with keys and TLS; with keys and a named proxy, for that proxy', () => {
    expect(listenAddress({ host, auth: 'keys', ...tls })).toEqual({ host, port: 8000, reach: 'all' });
    const behind = { host, auth: 'keys', trusted_proxies: ['10.0.0.1'] } as const;
    expect(listenAddress(behind)).toMatchObject({ host, reach: 'proxies' });
  });

  it.each([
    ['keys', tls, 'Set server.auth to keys'],
    ['keys, behind a proxy', { trusted_proxies: ['10.0.0.1'] }, 'server.auth'],
    ['TLS', { auth: 'keys' } as const, 'server.tls_cert and server.tls_key'],
  ])('on this machine without %s, and the reason says which lines to write', (_, server, says) => {
    expect(listenAddress({ host, ...server })).toMatchObject({ ...loopback, warning: expect.stringContaining(says) });
  });
});

describe('the address of a client', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::FFFF:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['<script>', '<script>'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('is that of a trusted proxy when it is listed, or in a network that is', () => {
    const trusted = ['127.0.0.1', '::ffff:127.0.0.1', '10.255.0.1', '2001:db8:ffff::1'];
    const others = ['127.0.0.2', '11.0.0.1', '2001:db9::1', '', 'unknown', '10.0.0.0/8'];
    const isTrusted = addressIn(['127.0.0.1', '10.0.0.0/8', '2001:db8::/32']);
    expect([...trusted, ...others].filter(isTrusted)).toEqual(trusted);
    expect(addressIn([])('127.0.0.1')).toBe(false);
  });

  it.each([
    ['192.0.2.9', '10.0.0.5', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['10.0.0.5', '10.0.0.5', true],
    ['10.0.0.7', '10.0.0.5', false],
    ['2001:db8::7', '2001:db8::5', false],
    ['', '10.0.0.5', false],
  ])(
    'from %s to %s, without TLS: let in = %s, as from the proxy and this machine alone',
    (address, local, expected) => {
      expect(fromProxyOrHere(addressIn(['192.0.2.0/24']))(address, local)).toBe(expected);
    },
  );
});

describe('the depth of JSON', () => {
  it.each([
    ['{"a":[{}]}', 2, true],
    ['{"a":[{}]}', 3, false],
    ['["\\"[[[[["]', 1, false],
    ['["\\\\",[[]]]', 2, true],
    ['[],[],[]', 1, false],
  ])('%s is deeper than %i: %s', (text, most, expected) => {
    expect(isDeeperThan(text, most)).toBe(expected);
  });
});

it('what is told seldom is told at once, and then counted for a second', () => {
  const told: string[] = [];
  const seldom = new ToldSeldom((sentence) => told.push(sentence));
  for (let n = 0; n < 10_000; n += 1) seldom.say('refused');
  expect(told[0]).toBe('refused');
  // On a machine that stands still for a second between two calls there may be another.
  expect(told.length).toBeLessThan(10);
});

describe('two that run together', () => {
  const untilStopped = (stop: AbortSignal) =>
    new Promise<string>((resolve) => {
      stop.addEventListener('abort', () => resolve('stopped'), { once: true });
      if (stop.aborted) resolve('stopped');
    });

  it('end together when they are told to, also before', async () => {
    const stop = new AbortController();
    const running = together(stop.signal, [untilStopped, untilStopped]);
    stop.abort();
    expect(await running).toEqual(['stopped', 'stopped']);
    expect(await together(stop.signal, [untilStopped, untilStopped])).toEqual(['stopped', 'stopped']);
  });

  it('end when one of them fails, with its error', async () => {
    const failing = () => Promise.reject(new Error('the first'));
    const alsoFailing = (stop: AbortSignal) => untilStopped(stop).then(() => Promise.reject(new Error('the second')));
    await expect(together(new AbortController().signal, [alsoFailing, failing])).rejects.toThrow('the first');
  });
});

describe('a request that is not valid', () => {
  const role = z.enum(['viewer', 'operator', 'admin']);
  const schema = z.strictObject({ name: z.string().min(2), limit: z.int(), role });
  const said = (body: unknown) => invalidRequest(schema.safeParse(body).error!.issues).message;
  const good = { name: 'bob', limit: 1, role: 'admin' };

  it.each([
    ['what is missing', { name: 'bob', role: 'admin' }, 'limit is missing'],
    ['a number that is none', { ...good, limit: Number.NaN }, 'limit must be a number'],
    ['a fraction', { ...good, limit: 1.5 }, 'limit must be a whole number'],
    ['another type', { ...good, name: 5 }, 'name must be a string'],
    ['a value that is none of them', { ...good, role: 'root' }, 'role must be viewer, operator or admin'],
    ['unknown keys', { ...good, 'a"b': 1, c: 2 }, 'it must not have "a\\"b", "c"'],
    ['no object', [], 'it must be an object'],
  ])('names %s', (_, body, expected) => {
    expect(said(body)).toBe(`The request is not valid: ${expected}.`);
  });

  it('is answered in a few lines when it has a thousand unknown keys of a kilobyte', () => {
    const keys = Array.from({ length: 1000 }, (_, n) => [`${n}${'x'.repeat(1024)}`, 1]);
    const text = said({ ...good, ...Object.fromEntries(keys) });
    expect(text.length).toBeLessThan(500);
    expect(text).toMatch(/and 995 more\.$/);
    expect([[], ['a'], ['a', 'b']].map(oneOf)).toEqual(['', 'a', 'a or b']);
  });
});
