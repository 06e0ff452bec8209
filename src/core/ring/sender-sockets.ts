import { isLoopback, RingSocket } from './ring-socket.ts';

/** The sockets that a sender uses: the receiver's, so that a worker has one port, and its own where that does not reach. */
export class SenderSockets {
  readonly #shared: RingSocket | undefined;
  readonly #leave: (() => void) | undefined;
  readonly #hear: (bytes: Buffer) => void;
  readonly #own = new Map<string, Promise<RingSocket | undefined>>();

  /** `shared` is not closed here. `hear`: gets what comes to any of them. */
  constructor(shared: RingSocket | undefined, hear: (bytes: Buffer) => void) {
    this.#shared = shared;
    this.#hear = hear;
    this.#leave = shared?.onDatagram((bytes) => hear(bytes));
  }

  /** Undefined = this machine has no socket of that family: devices there count as silent. */
  async for(address: string): Promise<RingSocket | undefined> {
    const shared = this.#shared;
    const six = address.includes(':');
    const near = isLoopback(address);
    // A socket bound to loopback does not reach other machines.
    if (shared !== undefined && shared.address.includes(':') === six && (near || !isLoopback(shared.address))) {
      return shared;
    }
    const at = near ? (six ? '::1' : '127.0.0.1') : six ? '::' : '0.0.0.0';
    let own = this.#own.get(at);
    if (own === undefined) {
      own = RingSocket.bind(at, 0).then(
        (bound) => {
          bound.onDatagram(this.#hear);
          return bound;
        },
        () => undefined,
      );
      this.#own.set(at, own);
    }
    return own;
  }

  async close(): Promise<void> {
    this.#leave?.();
    for (const socket of this.#own.values()) (await socket)?.close();
  }
}
