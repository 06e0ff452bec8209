// One UDP socket, for rings that go out and rings that come in. It never keeps a process alive.
import { createSocket, type Socket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';

export interface Sender {
  address: string;
  port: number;
}

export class RingSocket {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #listeners = new Set<(bytes: Buffer, from: Sender) => void>();
  #open = true;

  private constructor(socket: Socket) {
    const { address, port } = socket.address();
    this.address = address;
    this.port = port;
    this.#socket = socket;
    socket.on('message', (bytes, from) => {
      for (const listener of this.#listeners) listener(bytes, from);
    });
    // A datagram that could not be sent or received is a lost ring: the polls carry on.
    socket.on('error', () => {});
  }

  /** `port` 0 = the kernel chooses. @throws the system's error when the address cannot be bound */
  static async bind(address: string, port: number): Promise<RingSocket> {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
    socket.unref();
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      // Exclusive: in a cluster of processes each has its own.
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    }).catch((error: unknown) => {
      socket.close();
      throw error;
    });
    return new RingSocket(socket);
  }

  /** Returns what removes the listener. */
  onDatagram(listener: (bytes: Buffer, from: Sender) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Never throws. To what is no address or port nothing is sent: a datagram may claim to come from port 0. */
  send(bytes: Buffer, to: Sender): void {
    if (!this.#open || isIP(to.address) === 0 || to.port < 1 || to.port > 65_535) return;
    this.#socket.send(bytes, to.port, to.address, () => {});
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.close();
  }
}

export function isLoopback(address: string): boolean {
  return /^127\.|^::1$|^::ffff:127\./.test(address);
}
