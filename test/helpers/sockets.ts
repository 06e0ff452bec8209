// Servers and relays on the loopback interface, for proxies that do something to what passes.
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { DatabaseAddress } from '../../src/core/db/address.ts';

/** On a free port unless one is named. Returns the port. */
export async function listen(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  await once(server.listen(port, host), 'listening');
  return (server.address() as AddressInfo).port;
}

type Place = { host: string; port: number } | { path: string };

/** Where a database listens. */
export function placeOf({ socketPath, host = '127.0.0.1', port = 3306 }: DatabaseAddress): Place {
  return socketPath === undefined ? { host, port } : { path: socketPath };
}

/** The same schema by way of a port of this machine. */
export function byPort({ user, password, database }: DatabaseAddress, port: number) {
  const login = { user, database, ...(password === undefined ? {} : { password }) };
  const words = [user, ...(password === undefined ? [] : [password])].map(encodeURIComponent);
  return {
    address: { host: '127.0.0.1', port, ...login },
    url: `mysql://${words.join(':')}@127.0.0.1:${port}/${database}`,
  };
}

/**
 * Connections to its port go on to `target`, undefined = they are refused. `between` carries what they say. Either end takes
 * the other with it, unless the function that `between` returns says that it stays.
 */
export async function relay(target: () => Place | undefined, between: (client: Socket, upstream: Socket) => unknown) {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const place = target();
    if (place === undefined) return client.destroy();
    const upstream = dial({ ...place, noDelay: true });
    const stays = between(client, upstream);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        if (typeof stays !== 'function' || !stays()) other.destroy();
      });
    }
  });
  const port = await listen(server);
  const drop = () => {
    for (const one of sockets) one.destroy();
  };
  const close = () => {
    server.close();
    drop();
  };
  return { port, drop, close };
}
