// A TCP proxy in front of the test server that counts what is sent to it: packets of clients, which are statements or
// several of them. Other tests use the server at the same time, so that its own counters say nothing.
import type { TestDatabase } from './database.ts';
import { byPort, placeOf, relay } from './sockets.ts';

export type CountingProxy = Awaited<ReturnType<typeof countingProxy>>;

export async function countingProxy({ address }: Pick<TestDatabase, 'address'>) {
  let sent = 0;
  const { port, close } = await relay(
    () => placeOf(address),
    (client, upstream) => {
      client.on('data', () => {
        sent += 1;
      });
      client.pipe(upstream).pipe(client);
    },
  );
  /** `url`: of the schema, by way of the proxy; `sent`: packets to the server so far. */
  return { url: byPort(address, port).url, sent: () => sent, close };
}
