// A server that receives webhooks.
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { Certificate } from './certificate.ts';
import { listen } from './sockets.ts';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export type Receiver = Awaited<ReturnType<typeof receiver>>;

type Answer = (received: Received, response: Parameters<RequestListener>[1]) => void;

const receivers: Array<{ close(): Promise<void> }> = [];

/** Answers 204, unless `answer` does. With a certificate it speaks TLS, and is called localhost. */
export async function receiver(
  answer: Answer = (_, response) => response.writeHead(204).end(),
  { host = '127.0.0.1', port = 0, certificate }: { host?: string; port?: number; certificate?: Certificate } = {},
) {
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
  const at = await listen(server, port, host);
  const name = certificate === undefined ? (host.includes(':') ? `[${host}]` : host) : 'localhost';
  const one = {
    url: `${certificate === undefined ? 'http' : 'https'}://${name}:${at}`,
    /** What has arrived whole, in order. */
    received,
    /** Of TCP, so far. */
    connections: () => connections,
    close: () =>
      new Promise<void>((resolve) => {
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
