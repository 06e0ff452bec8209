// With HTTP and with TLS: one packet with many requests, the first of which has its connection ended.
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RefusableMessage } from '../../../src/gateway/protection/refusable-message.ts';
import { certificateFor } from '../../helpers/certificate.ts';

async function parsed(tls: boolean, sent: string) {
  const counts = { parsed: 0, asked: 0 };
  class Counted extends RefusableMessage {
    constructor(socket: ConstructorParameters<typeof RefusableMessage>[0]) {
      super(socket);
      counts.parsed += 1;
    }
  }
  const listener: RequestListener = (request, response) => {
    counts.asked += 1;
    if (request.url === '/answered') response.end('good');
    else request.socket.destroy();
  };
  const options = { IncomingMessage: Counted, ...(tls ? certificateFor('IP:127.0.0.1') : {}) };
  const server = tls ? https.createServer(options, listener) : http.createServer(options, listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  client.on('data', (data) => parts.push(data)).on('error', () => {});
  await once(client, tls ? 'secureConnect' : 'connect');
  client.write(sent);
  await new Promise((resolve) => client.once('close', resolve));
  return { ...counts, answers: Buffer.concat(parts).toString().match(/good/g)?.length };
}

describe.each([
  ['HTTP', false],
  ['TLS', true],
] as const)('RefusableMessage, %s', (_, tls) => {
  it('ends the parse of a packet whose connection was ended', async () => {
    const request = 'GET / HTTP/1.1\r\nHost: a\r\nX-Number: 1\r\n\r\n';
    expect(await parsed(tls, request.repeat(300))).toMatchObject({ parsed: 2, asked: 1 });
  });

  it('leaves requests with bodies and with Upgrade as they are, while the connection is open', async () => {
    const some = [
      'POST /answered HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}',
      'GET /answered HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /answered HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
    ];
    expect(await parsed(tls, some.join(''))).toEqual({ parsed: 3, asked: 3, answers: 3 });
  });
});
