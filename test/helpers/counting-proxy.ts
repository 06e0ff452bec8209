// A TCP proxy in front of the test server that counts what is sent to it: packets of clients, which are statements or
// several of them. Other tests use the server at the same time, so that its own counters say nothing.
import { createServer, connect as dial } from 'node:net';
import type { DatabaseAddress } from '../../src/core/db/session.ts';
import type { TestDatabase } from './database.ts';

export interface CountingProxy {
  /** mysql:// URL of the schema, by way of the proxy. */
  url: string;
  /** Packets to the server so far. */
  sent(): number;
  close(): void;
}

export async function countingProxy(db: Pick<TestDatabase, 'address'>): Promise<CountingProxy> {
  const { address } = db;
  let sent = 0;
  const server = createServer((client) => {
    const upstream = dial(target(address));
    client.on('data', () => {
      sent += 1;
    });
    client.pipe(upstream).pipe(client);
    // Either end takes the other with it.
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  const password = address.password === undefined ? '' : `:${encodeURIComponent(address.password)}`;
  return {
    url: `mysql://${encodeURIComponent(address.user)}${password}@127.0.0.1:${port}/${address.database}`,
    sent: () => sent,
    close: () => server.close(),
  };
}

function target(address: DatabaseAddress) {
  return address.socketPath === undefined
    ? { host: address.host ?? '127.0.0.1', port: address.port ?? 3306 }
    : { path: address.socketPath };
}
