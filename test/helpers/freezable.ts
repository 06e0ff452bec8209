import { onTestFinished } from 'vitest';
import type { DatabaseAddress } from '../../src/core/db/address.ts';
import { byPort, placeOf, relay } from './sockets.ts';

/** A TCP proxy before the test server that can stop answering everybody, as a server does whose machine hangs. */
export async function freezable(address: DatabaseAddress): Promise<{ address: DatabaseAddress; freeze(): void }> {
  let frozen = false;
  const { port, close } = await relay(
    () => placeOf(address),
    (client, upstream) => {
      client.on('data', (chunk) => frozen || upstream.write(chunk));
      upstream.on('data', (chunk) => frozen || client.write(chunk));
    },
  );
  onTestFinished(close);
  return {
    address: byPort(address, port).address,
    freeze() {
      frozen = true;
    },
  };
}
