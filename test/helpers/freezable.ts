import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { DatabaseAddress } from '../../src/core/db/address.ts';

/** A TCP proxy before the test server that can stop answering everybody, as a server does whose machine hangs. */
export async function freezable(address: DatabaseAddress): Promise<{ address: DatabaseAddress; freeze(): void }> {
  const { socketPath, host = '127.0.0.1', port = 3306, ...login } = address;
  const sockets = new Set<Socket>();
  let frozen = false;
  const server = createServer((client) => {
    const upstream = socketPath === undefined ? connect(port, host) : connect(socketPath);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.on('data', (chunk) => {
        if (!frozen) other.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const at = { host: '127.0.0.1', port: (server.address() as { port: number }).port };
  return {
    address: { ...login, ...at },
    freeze() {
      frozen = true;
    },
  };
}
