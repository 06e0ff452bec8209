// A server that receives webhooks.
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificate.ts';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  url: string;
  /** What has arrived whole, in order. */
  received: Received[];
  /** TCP connections so far. */
  connections(): number;
  close(): Promise<void>;
}

type Answer = (received: Received, response: Parameters<RequestListener>[1]) => void;

const receivers: Receiver[] = [];

/** Answers 204, unless `answer` does. With a certificate it speaks TLS, and is called localhost. */
export async function receiver(
  answer: Answer = (_, response) => response.writeHead(204).end(),
  { host = '127.0.0.1', port = 0, certificate }: { host?: string; port?: number; certificate?: Certificate } = {},
): Promise<Receiver> {
  const received: Received[] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const one = { path: request.url!, headers: request.headers, body: Buffer.concat(parts).toString('utf8') };
      received.push(one);
      answer(one, response);
    });
  };
  const server: Server | https.Server =
    certificate === undefined ? createServer(listener) : https.createServer(certificate, listener);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const at = (server.address() as AddressInfo).port;
  const name = certificate === undefined ? (host.includes(':') ? `[${host}]` : host) : 'localhost';
  const one: Receiver = {
    url: `${certificate === undefined ? 'http' : 'https'}://${name}:${at}`,
    received,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  receivers.push(one);
  return one;
}

/** For afterEach. */
export async function closeReceivers(): Promise<void> {
  await Promise.all(receivers.splice(0).map((one) => one.close()));
}
