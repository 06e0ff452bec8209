import { afterEach, describe, expect, it } from 'vitest';
import { networksOf } from '../../../src/core/webhooks/send/allowed-address.ts';
import { type Posting, postWebhook } from '../../../src/core/webhooks/send/post-webhook.ts';
import { certificateFor } from '../../helpers/certificate.ts';
import { closeReceivers, receiver } from '../../helpers/receiver.ts';

afterEach(closeReceivers);

const post = (url: string, more: Partial<Posting> & { allow?: string[] } = {}) =>
  postWebhook({
    ...{ url, headers: { 'webhook-id': 'msg_1', 'user-agent': 'afd' }, body: '{"type":"task.done"}' },
    networks: networksOf(more.allow ?? ['127.0.0.1']),
    signal: new AbortController().signal,
    ...more,
  });

describe('a delivery', () => {
  it('is one POST of JSON; any 2xx says that it has arrived', async () => {
    for (const code of [200, 202, 204]) {
      const there = await receiver((_, response) => response.writeHead(code).end());
      expect(await post(`${there.url}/afd?team=a`)).toMatchObject({ code, error: null });
      expect(there.received).toMatchObject([
        {
          path: '/afd?team=a',
          headers: { 'content-type': 'application/json', 'webhook-id': 'msg_1', 'user-agent': 'afd' },
          body: '{"type":"task.done"}',
        },
      ]);
    }
  });

  it('that is refused says why, in one line that no terminal obeys', async () => {
    const there = await receiver((_, response) =>
      response.writeHead(503, { 'retry-after': '120' }).end('down\r\n\u001b[31m for\u202e maintenance\u0000'),
    );
    expect(await post(there.url)).toMatchObject({
      code: 503,
      error: 'HTTP 503: down [31m for maintenance',
      retryAfterS: 120,
    });
  });

  it('RB13 follows no redirect', async () => {
    const secret = await receiver();
    const there = await receiver((_, response) => response.writeHead(307, { location: secret.url }).end());
    expect(await post(there.url)).toMatchObject({ code: 307, error: 'HTTP 307: redirects are not followed' });
    expect(secret.connections()).toBe(0);
  });

  it('gives up an answer that does not come, or does not end', async () => {
    const silent = await receiver(() => {});
    expect(await post(silent.url, { limitMs: 50 })).toMatchObject({ code: null, error: 'no answer within 0.05 s' });
    const endless = await receiver((_, response) => {
      response.writeHead(500);
      response.write('x');
    });
    expect(await post(endless.url, { limitMs: 50 })).toMatchObject({ error: 'no answer within 0.05 s' });
  });

  it('reads the beginning of a long answer', async () => {
    const there = await receiver((_, response) => {
      response.writeHead(500);
      const more = () => {
        while (response.write('y'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    expect(await post(there.url)).toMatchObject({ code: 500, error: `HTTP 500: ${'y'.repeat(200)}` });
  });

  it('says why nobody answers', async () => {
    const gone = await receiver();
    await gone.close();
    expect((await post(gone.url)).error).toContain('ECONNREFUSED');
    expect((await post('https://hooks.invalid/')).error).toContain('hooks.invalid');
    const plain = await receiver((_, response) => response.socket?.destroy());
    expect((await post(plain.url)).error).toBeTypeOf('string');
  });

  it('goes to nobody whose certificate is not to be trusted', async () => {
    const there = await receiver(undefined, { certificate: certificateFor('DNS:localhost') });
    expect((await post(there.url)).error).toContain('self-signed');
    expect(there.received).toEqual([]);
  });

  it('is broken off with its signal', async () => {
    const silent = await receiver(() => {});
    const stop = new AbortController();
    const posted = post(silent.url, { signal: stop.signal });
    stop.abort();
    expect((await posted).error).toBeTypeOf('string');
  });
});

describe('RB13 an address that is not allowed', () => {
  it('is not even connected to', async () => {
    const there = await receiver();
    for (const allow of [[], ['10.0.0.0/8']])
      expect((await post(there.url, { allow })).error).toContain('127.0.0.1 is no address of the internet (loopback)');
    expect(there.connections()).toBe(0);
  });

  it('of a name is left out, and the name is not resolved again', async () => {
    const there = await receiver();
    const port = new URL(there.url).port;
    const other = await receiver(undefined, { host: '::1', port: Number(port) });
    expect(await post(`http://localhost:${port}/`)).toMatchObject({ code: 204, error: null });
    expect([there.connections(), other.connections()]).toEqual([1, 0]);
  });

  it('gets nothing in clear, though the name has an allowed one as well', async () => {
    expect((await post('http://8.8.8.8/')).error).toBe(
      'http:// is only for networks that master.webhook_networks names',
    );
  });
});
