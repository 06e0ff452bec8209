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
    const there = await receiver((_, response) => response.writeHead(202).end());
    expect(await post(`${there.url}/afd?team=a`)).toMatchObject({ code: 202, error: null });
    const headers = { 'content-type': 'application/json', 'webhook-id': 'msg_1', 'user-agent': 'afd' };
    expect(there.received).toMatchObject([{ path: '/afd?team=a', headers, body: '{"type":"task.done"}' }]);
  });

  it('that is refused says why, in one line that no terminal obeys', async () => {
    const there = await receiver((_, response) =>
      response.writeHead(503, { 'retry-after': '120' }).end('down\r\n\u001b[31m for\u202e maintenance\u0000'),
    );
    const error = 'HTTP 503: down [31m for maintenance';
    expect(await post(there.url)).toMatchObject({ code: 503, error, retryAfterS: 120 });
  });

  it('RB13 follows no redirect', async () => {
    const secret = await receiver();
    const there = await receiver((_, response) => response.writeHead(307, { location: secret.url }).end());
    expect(await post(there.url)).toMatchObject({ code: 307, error: 'HTTP 307: redirects are not followed' });
    expect(secret.connections()).toBe(0);
  });

  it('gives up an answer that does not end, or with its signal, and reads the beginning of a long one', async () => {
    const endless = await receiver((_, response) => void response.writeHead(500).write('x'));
    expect(await post(endless.url, { limitMs: 50 })).toMatchObject({ error: 'no answer within 0.05 s' });
    expect((await post(endless.url, { signal: AbortSignal.abort() })).error).toBeTypeOf('string');
    const long = await receiver((_, response) => {
      response.writeHead(500);
      const more = () => {
        while (response.write('y'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    expect(await post(long.url)).toMatchObject({ code: 500, error: `HTTP 500: ${'y'.repeat(200)}` });
  });

  it('says why nobody answers, or is not to be trusted', async () => {
    const gone = await receiver();
    await gone.close();
    expect((await post(gone.url)).error).toContain('ECONNREFUSED');
    expect((await post('https://hooks.invalid/')).error).toContain('hooks.invalid');
    const there = await receiver(undefined, { certificate: certificateFor('DNS:localhost') });
    expect((await post(there.url)).error).toContain('self-signed');
    expect(there.received).toEqual([]);
  });
});

describe('RB13 an address that is not allowed', () => {
  it('is not even connected to', async () => {
    const there = await receiver();
    const refused = '127.0.0.1 is no address of the internet (loopback)';
    expect((await post(there.url, { allow: ['10.0.0.0/8'] })).error).toContain(refused);
    expect(there.connections()).toBe(0);
  });

  it('of a name is left out, and the name is not resolved again', async () => {
    const there = await receiver();
    const port = new URL(there.url).port;
    const other = await receiver(undefined, { host: '::1', port: Number(port) });
    expect(await post(`http://localhost:${port}/`)).toMatchObject({ code: 204, error: null });
    expect([there.connections(), other.connections()]).toEqual([1, 0]);
  });

  it('gets nothing in clear', async () => {
    expect((await post('http://8.8.8.8/')).error).toBe(
      'http:// is only for networks that master.webhook_networks names',
    );
  });
});
