// The UDP port on which a node is rung, and what its device row says of it.
import { randomBytes } from 'node:crypto';
import { RingSocket } from './ring-socket.ts';

export interface RingPort {
  /** Undefined = it has none: it finds tasks by polling. */
  socket: RingSocket | undefined;
  token: Buffer;
  /** What the device row says: where it is rung. Port 0 = nowhere. */
  published: { address: string | undefined; port: number; token: string | undefined };
}

export interface RingPortOptions {
  enabled: boolean;
  /** Where it is rung, if that is named. */
  host: string | undefined;
  port: number;
  /** This end of the socket to the database; undefined on a Unix socket. */
  localAddress: string | undefined;
  /** The address cannot be bound. */
  onProblem(why: string): void;
}

/** Opens the port, if it is wanted. */
export async function openRingPort({ enabled, host, port, ...o }: RingPortOptions): Promise<RingPort> {
  const token = randomBytes(16);
  const none: RingPort = { socket: undefined, token, published: { address: undefined, port: 0, token: undefined } };
  if (!enabled) return none;
  try {
    const socket = await bind(host ?? o.localAddress ?? '127.0.0.1', port, host !== undefined);
    const published = { address: host ?? socket.address, port: socket.port, token: token.toString('hex') };
    return { socket, token, published };
  } catch (error) {
    o.onProblem((error as Error).message);
    return none;
  }
}

/** The address is this machine's, or (where the user names one) that of a host around this container. */
async function bind(address: string, port: number, named: boolean): Promise<RingSocket> {
  try {
    return await RingSocket.bind(address, port);
  } catch (error) {
    if (!named || (error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
    return RingSocket.bind(address.includes(':') ? '::' : '0.0.0.0', port);
  }
}
