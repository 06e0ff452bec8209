// A TCP proxy in front of a gateway: an address that stays the same while what is behind it goes, comes and hangs.
import { relay } from './sockets.ts';

export type TcpProxy = Awaited<ReturnType<typeof tcpProxy>>;

const proxies: Array<{ close(): void }> = [];

export async function tcpProxy(target: string) {
  let to = new URL(target);
  let state: 'open' | 'cut' | 'frozen' = 'open';
  let losing: { words: string[]; done: () => void } | undefined;
  let holding: { words: string[]; done: (release: () => void) => void } | undefined;
  const place = () => (state === 'cut' ? undefined : { host: to.hostname, port: Number(to.port) });
  const { port, drop, close } = await relay(place, (client, upstream) => {
    let asked = '';
    let marked = false;
    let held: Buffer[] | undefined;
    const has = (words: string[]) => words.every((word) => asked.includes(word));
    client.on('data', (bytes) => {
      if (state === 'frozen') return;
      asked += bytes.toString('latin1');
      if (losing !== undefined && has(losing.words)) marked = true;
      if (holding !== undefined && has(holding.words)) {
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
    return () => held !== undefined;
  });
  const proxy = {
    url: `http://127.0.0.1:${port}`,
    /** Ends all connections; further ones are refused. */
    cut() {
      state = 'cut';
      drop();
    },
    /** Connections are accepted again, and go to this URL. */
    restore(url = to.href) {
      to = new URL(url);
      if (state === 'frozen') drop();
      state = 'open';
    },
    /** Bytes go no further, in both directions; connections stay open, and more are accepted. */
    freeze() {
      state = 'frozen';
    },
    /** The next request that has all of these words is held back; resolves with what sends it on, whoever has gone meanwhile. */
    holdRequest: (...words: string[]) =>
      new Promise<() => void>((done) => {
        holding = { words, done };
      }),
    /** Cuts the connection on which the next answer comes to a request that has all of these words. Resolves when it has. */
    loseAnswer: (...words: string[]) =>
      new Promise<void>((done) => {
        losing = { words, done };
      }),
    close,
  };
  proxies.push(proxy);
  return proxy;
}

/** For afterEach. */
export function closeProxies(): void {
  for (const one of proxies.splice(0)) one.close();
}
