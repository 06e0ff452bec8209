// Sockets that speak HTTP badly, for tests of what a gateway does with them.
import { once } from 'node:events';
import { connect } from 'node:net';

export type RawSocket = Awaited<ReturnType<typeof rawSocket>>;

/** Resolves when it is connected. */
export async function rawSocket(url: string) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  // A connection that is cut is what such a test is about.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  return {
    socket,
    /** Everything that has come. */
    get text() {
      return text;
    },
    /** Settles when the other end has closed the connection, or it broke. */
    closed,
  };
}

/** Sends this text on a connection of its own, and returns all that came until the other end closed it. */
export async function exchange(url: string, sent: string | Buffer): Promise<string> {
  const one = await rawSocket(url);
  one.socket.write(sent);
  await one.closed;
  return one.text;
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
