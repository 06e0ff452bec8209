// The connections of a gateway process: how many there may be, and which of them are in the way when it stops.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from './client-address.ts';
import type { Limits } from './limits.ts';

export interface ConnectionsOptions {
  limits: Pick<Limits, 'connections' | 'connectionsPerAddress' | 'requestsPerConnection'>;
  isTrusted(address: string): boolean;
  /** Others are not let in. `local`: the address of this machine to which the client has connected. */
  mayConnect(address: string, local: string): boolean;
  /** A connection was refused, and why. */
  onRefused(sentence: string): void;
}

/** Not by `server.maxConnections`: processes that share a port would pass a refused connection on to each other for ever. */
export class Connections {
  readonly #o: ConnectionsOptions;
  /** By the client's address and port: with TLS, a request has another socket than its connection. */
  readonly #open = new Map<string, { socket: Socket; requests: number }>();
  readonly #byNetwork = new Map<string, number>();

  constructor(options: ConnectionsOptions) {
    this.#o = options;
  }

  /** Requests that are not answered yet. */
  get underWay(): number {
    return [...this.#open.values()].reduce((sum, one) => sum + one.requests, 0);
  }

  /** Once the server has its listeners: they see no request that is refused here. */
  attach(server: Server): void {
    server.on('connection', (socket) => this.#take(socket));
    const answering = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      if (this.#begun(request, response)) for (const listener of answering) listener.call(server, request, response);
    });
  }

  /** Closes those on which no request is under way: also the ones whose request is not complete yet. */
  closeIdle(): void {
    for (const { socket, requests } of this.#open.values()) if (requests === 0) socket.destroy();
  }

  closeAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }

  #take(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const network = networkOf(address);
    const { limits, isTrusted, mayConnect, onRefused } = this.#o;
    if (!mayConnect(address, socket.localAddress ?? '')) {
      socket.destroy();
      onRefused(`refused a connection from ${address}, which is no trusted proxy: the gateway has no TLS`);
      return;
    }
    const before = this.#byNetwork.get(network) ?? 0;
    if (this.#open.size >= limits.connections) {
      socket.destroy();
      onRefused(`refused a connection from ${address}: ${limits.connections} are open`);
      return;
    }
    if (before >= limits.connectionsPerAddress && !isTrusted(address)) {
      socket.destroy();
      onRefused(`refused a connection from ${address}, which has ${before} already`);
      return;
    }
    const key = keyOf(socket);
    this.#open.set(key, { socket, requests: 0 });
    this.#byNetwork.set(network, before + 1);
    socket.once('close', () => {
      if (this.#open.get(key)?.socket === socket) this.#open.delete(key);
      const left = (this.#byNetwork.get(network) ?? 1) - 1;
      if (left > 0) this.#byNetwork.set(network, left);
      else this.#byNetwork.delete(network);
    });
  }

  /**
   * False: the client has sent more requests at once than anybody needs. All that are in one packet are parsed in one go, and others would wait
   * until each of them is answered.
   */
  #begun({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const one = this.#open.get(keyOf(socket));
    if (one === undefined) return !socket.destroyed;
    const { limits, onRefused } = this.#o;
    if (one.requests >= limits.requestsPerConnection) {
      if (!socket.destroyed) onRefused(tooMany(socket, one.requests));
      socket.destroy();
      return false;
    }
    one.requests += 1;
    response.once('close', () => {
      one.requests -= 1;
    });
    return true;
  }
}

function tooMany({ remoteAddress = 'a client that has gone' }: Socket, requests: number): string {
  return `ended a connection from ${remoteAddress}: it sent more requests while ${requests} were not answered yet`;
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
