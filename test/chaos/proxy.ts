// A TCP proxy between one process and the database, or between a remote worker and a gateway, on a port of the loopback interface that
// stays the same. It knows which connection of the server belongs to its process, and does to the traffic what the storm asks for.
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { CHUNKS, commits, exchanges, greetedId, Packets } from './packets.ts';

/** What happens to the next COMMIT, or to the next request that makes a gateway commit: it never arrives · it arrives, nobody hears of it · it is answered, unheard. */
export type CommitCut = 'before' | 'sent' | 'answered';
export type Direction = 'up' | 'down';

export interface ProxyOptions {
  upstream: { host: string; port: number };
  /** Default: MySQL's. */
  protocol?: 'http';
  onConnect?(connectionId: number): void;
  /** The armed cut has met a COMMIT. */
  onCut(cut: CommitCut): void;
}

/** Milliseconds for which a cut COMMIT keeps its connection to the server, so that it is carried out. */
const CARRIED_OUT_MS = 700;

interface Link {
  client: Socket;
  server: Socket;
  /** Nothing passes any more, and neither side notices. */
  dumb: boolean;
  /** The answers of the server go nowhere. */
  deaf: boolean;
  waiting: Record<Direction, Array<() => void>>;
}

function reset({ client, server }: Link): void {
  client.resetAndDestroy();
  server.destroy();
}

export class ChaosProxy {
  readonly #o: ProxyOptions;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #frozen: Record<Direction, boolean> = { up: false, down: false };
  #latencyMs = 0;
  #armed: CommitCut | undefined;

  private constructor(options: ProxyOptions) {
    this.#o = options;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async listen(options: ProxyOptions): Promise<ChaosProxy> {
    const proxy = new ChaosProxy(options);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** RST to the process, end to the server, on every connection. */
  reset(): void {
    for (const link of this.#links) reset(link);
  }

  /** What is sent that way waits, also the end of a connection. */
  freeze(direction: Direction): void {
    this.#frozen[direction] = true;
  }

  thaw(): void {
    for (const direction of ['up', 'down'] as const) {
      this.#frozen[direction] = false;
      for (const { waiting } of this.#links) for (const act of waiting[direction].splice(0)) act();
    }
  }

  /** Both ends stay open and hear nothing from each other; `reset` ends them. New connections work. */
  halfOpen(): void {
    for (const link of this.#links) link.dumb = true;
  }

  /** Milliseconds by which each packet is late, in both directions. */
  slow(ms: number): void {
    this.#latencyMs = ms;
  }

  /** Arms one cut; the next COMMIT meets it. */
  cutNextCommit(cut: CommitCut | undefined): void {
    this.#armed = cut;
  }

  async close(): Promise<void> {
    this.reset();
    await once(this.#server.close(), 'close');
  }

  #accept(client: Socket): void {
    const server = dial({ ...this.#o.upstream, noDelay: true });
    client.setNoDelay(true);
    const link: Link = { client, server, dumb: false, deaf: false, waiting: { up: [], down: [] } };
    this.#links.add(link);
    const { protocol } = this.#o;
    const [up, down] = protocol === 'http' ? [CHUNKS, CHUNKS] : [new Packets(), new Packets()];
    let greeted = false;
    client.on('data', (chunk) => {
      for (const packet of up.push(chunk)) this.#pass(link, 'up', () => this.#toServer(link, packet));
    });
    server.on('data', (chunk) => {
      for (const packet of down.push(chunk)) {
        const id = greeted || protocol === 'http' ? undefined : greetedId(packet);
        greeted = true;
        if (id !== undefined) this.#o.onConnect?.(id);
        this.#pass(link, 'down', () => {
          if (!link.deaf) link.client.write(packet);
        });
      }
    });
    client.on('error', () => {});
    server.on('error', () => {});
    client.on('close', () => link.deaf || this.#pass(link, 'up', () => this.#end(link)));
    server.on('close', () => this.#pass(link, 'down', () => this.#end(link)));
  }

  #end(link: Link): void {
    this.#links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }

  #pass(link: Link, direction: Direction, act: () => void): void {
    if (link.dumb) return;
    const go = () => {
      if (link.dumb) return;
      if (this.#frozen[direction]) link.waiting[direction].push(act);
      else act();
    };
    if (this.#latencyMs > 0) setTimeout(go, this.#latencyMs);
    else go();
  }

  #toServer(link: Link, packet: Buffer): void {
    const aimed = this.#o.protocol === 'http' ? exchanges : commits;
    const cut = this.#armed !== undefined && aimed(packet) ? this.#armed : undefined;
    if (cut === undefined) {
      link.server.write(packet);
      return;
    }
    this.#armed = undefined;
    this.#o.onCut(cut);
    if (cut === 'before') {
      reset(link);
      return;
    }
    link.deaf = true;
    link.server.write(packet);
    if (cut === 'sent') link.client.resetAndDestroy();
    // The answer to what was sent: heard here, and nowhere else.
    else link.server.once('data', () => setTimeout(() => link.client.resetAndDestroy(), 20));
    setTimeout(() => this.#end(link), CARRIED_OUT_MS).unref();
  }
}
