// A TCP proxy in front of a gateway: an address that stays the same while what is behind it goes, comes and hangs.
import { createServer, connect as dial, type Socket } from 'node:net';

export interface TcpProxy {
  url: string;
  /** Ends all connections; further ones are refused. */
  cut(): void;
  /** Connections are accepted again, and go to this URL. */
  restore(url?: string): void;
  /** Bytes go no further, in both directions; connections stay open, and more are accepted. */
  freeze(): void;
  /** The next request that has all of these words is held back; resolves with what sends it on, whoever has gone meanwhile. */
  holdRequest(...words: string[]): Promise<() => void>;
  /** Cuts the connection on which the next answer comes to a request that has all of these words. Resolves when it has. */
  loseAnswer(...words: string[]): Promise<void>;
  close(): void;
}

const proxies: TcpProxy[] = [];

export async function tcpProxy(target: string): Promise<TcpProxy> {
  let to = new URL(target);
  let state: 'open' | 'cut' | 'frozen' = 'open';
  let losing: { words: string[]; done: () => void } | undefined;
  let holding: { words: string[]; done: (release: () => void) => void } | undefined;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (state === 'cut') return client.destroy();
    const upstream = dial({ host: to.hostname, port: Number(to.port) });
    let asked = '';
    let marked = false;
    let held: Buffer[] | undefined;
    for (const one of [client, upstream]) sockets.add(one);
    client.on('data', (bytes) => {
      if (state === 'frozen') return;
      asked += bytes.toString('latin1');
      if (losing?.words.every((word) => asked.includes(word)) === true) marked = true;
      if (holding?.words.every((word) => asked.includes(word)) === true) {
        const parts: Buffer[] = [];
        held = parts;
        holding.done(() => {
          held = undefined;
          upstream.write(Buffer.concat(parts));
        });
        holding = undefined;
      }
      if (held === undefined) upstream.write(bytes);
      else held.push(bytes);
    });
    upstream.on('data', (bytes) => {
      if (state === 'frozen') return;
      asked = '';
      if (!marked || losing === undefined) return client.write(bytes);
      const { done } = losing;
      losing = undefined;
      client.destroy();
      done();
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        if (held === undefined) other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const drop = () => {
    for (const one of sockets) one.destroy();
  };
  const proxy: TcpProxy = {
    url: `http://127.0.0.1:${port}`,
    cut() {
      state = 'cut';
      drop();
    },
    restore(url = to.href) {
      to = new URL(url);
      if (state === 'frozen') drop();
      state = 'open';
    },
    freeze() {
      state = 'frozen';
    },
    holdRequest(...words) {
      return new Promise((done) => {
        holding = { words, done };
      });
    },
    loseAnswer(...words) {
      return new Promise((done) => {
        losing = { words, done };
      });
    },
    close() {
      drop();
      server.close();
    },
  };
  proxies.push(proxy);
  return proxy;
}

/** For afterEach. */
export function closeProxies(): void {
  for (const one of proxies.splice(0)) one.close();
}
