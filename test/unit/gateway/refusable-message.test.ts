// With HTTP and with TLS: one packet with many requests, the first of which has its connection ended.
import { once } from 'node:events';
import http, { type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RefusableMessage } from '../../../src/gateway/protection/refusable-message.ts';
import { certificateFor } from '../../helpers/certificate.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nX-Number: 1\r\n\r\n';

const tlsServer = (options: object, listener: RequestListener): Server =>
  https.createServer({ ...options, ...certificateFor('IP:127.0.0.1') }, listener);

async function parsed(tls: boolean, sent: string) {
  const counts = { parsed: 0, asked: 0 };
  class Counted extends RefusableMessage {
    constructor(socket: ConstructorParameters<typeof RefusableMessage>[0]) {
      super(socket);
      counts.parsed += 1;
    }
  }
  const server = (tls ? tlsServer : http.createServer)({ IncomingMessage: Counted }, (request, response) => {
    counts.asked += 1;
    if (request.url === '/answered') response.end('good');
    else request.socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1');
  let text = '';
  client.on('data', (data) => {
    text += data;
  });
  client.on('error', () => {});
  await once(client, tls ? 'secureConnect' : 'connect');
  client.write(sent);
  await new Promise((resolve) => client.once('close', resolve));
  return { ...counts, text };
}

describe.each([
  ['HTTP', false],
  ['TLS', true],
] as const)('RefusableMessage, %s', (_, tls) => {
  it('ends the parse of a packet whose connection was ended', async () => {
    expect(await parsed(tls, REQUEST.repeat(300))).toMatchObject({ parsed: 2, asked: 1 });
  });

  it('leaves requests with bodies and with Upgrade as they are, while the connection is open', async () => {
    const some = [
      'POST /answered HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}',
      'GET /answered HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /answered HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
    ];
    const { text, ...counts } = await parsed(tls, some.join(''));
    expect(counts).toEqual({ parsed: 3, asked: 3 });
    expect(text.match(/good/g)).toHaveLength(3);
  });
});
