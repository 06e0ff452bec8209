// A gateway process under attack by raw sockets: others are served meanwhile, and its memory stays bounded.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { exchange, type RawSocket, rawSocket, statusOf } from '../../helpers/raw-http.ts';
import { scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

const MB = 1024 * 1024;
/** What the gateway may keep alive at once, some 60 MB more than it starts with: beyond it Node ends the process. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=128 --max-semi-space-size=4' };
/** By which its memory may grow, buffers of Node included. */
const GROWTH = 150 * MB;

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

const READY = 'GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** Asks again and again, each time on a connection of its own, until `end()`; how often it was answered, and how often not. */
function bystander(url: string) {
  let ended = false;
  const counts = { ok: 0, failed: 0 };
  const run = async () => {
    while (!ended) counts[statusOf(await exchange(url, READY).catch(() => '')) === 200 ? 'ok' : 'failed'] += 1;
  };
  const running = Promise.all([run(), run()]);
  const end = () => {
    ended = true;
    return running;
  };
  return { counts, end };
}

it('serves others during 500 slow connections, 10 MB bodies, 10,000 bad requests, huge headers, garbage and half-open ends', {
  timeout: MINUTES,
}, async (test) => {
  const s = await scene(test, 'attacked');
  const { process: gateway, url } = await s.serve({ env: SMALL_HEAP });
  await until(async () => statusOf(await exchange(url, READY)) === 200);
  const before = residentBytes(gateway.pid);
  const other = bystander(url);
  const served = async (n: number) => {
    const from = other.counts.ok;
    await until(() => other.counts.ok >= from + n, 60_000, 'answers to others');
  };

  // Slow-loris: a header that never ends, one byte now and then.
  const slow: RawSocket[] = [];
  for (let n = 0; n < 500; n += 1) slow.push(await rawSocket(url));
  for (const one of slow) one.socket.write('GET /readyz HTTP/1.1\r\nHost: a\r\nX: ');
  await served(5);
  for (const one of slow) one.socket.write('a');

  // Bodies of 10 MB to a route that takes 1 MB, from clients that never read.
  const chunk = Buffer.alloc(MB, 'a');
  const bodies = await Promise.all(Array.from({ length: 20 }, () => rawSocket(url)));
  for (const { socket } of bodies) {
    socket.pause();
    socket.write(
      `POST /api/v1/devices/register HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${10 * MB}\r\n\r\n`,
    );
    for (let n = 0; n < 10; n += 1) socket.write(chunk);
  }
  await served(5);

  // 10,000 bad requests, on ten connections at a time, 40 at once on each.
  const bad = 'GET /api/v1/nothing?a=%00 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\n';
  const many = `${`${bad}\r\n`.repeat(39)}${bad}Connection: close\r\n\r\n`;
  for (let round = 0; round < 25; round += 1) {
    const refused = await Promise.all(Array.from({ length: 10 }, () => exchange(url, many)));
    expect(refused.map((one) => one.match(/HTTP\/1\.1 4/g)?.length)).toEqual(refused.map(() => 40));
  }
  await served(5);

  // Headers that are too long, garbage after a good request, and clients that close their half at once.
  const huge = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(MB)}\r\n\r\n`;
  const good = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
  const odd = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => {
      const one = await rawSocket(url);
      if (n % 3 === 0) one.socket.write(huge);
      else if (n % 3 === 1) one.socket.write(`${good.repeat(20)}\x00\x01garbage\r\n\r\n`);
      else one.socket.end(good);
      return one;
    }),
  );
  await Promise.all(odd.map((one) => one.closed));
  expect(odd.filter((_, n) => n % 3 === 1).every((one) => statusOf(one.text) === 400)).toBe(true);
  expect(odd.filter((_, n) => n % 3 === 2).every((one) => statusOf(one.text) === 200)).toBe(true);
  await served(5);

  // Clients that ask for much at once and never read; the gateway, which stands still meanwhile, reads all of it in one go.
  const deaf = await Promise.all(Array.from({ length: 300 }, () => rawSocket(url)));
  gateway.kill('SIGSTOP');
  for (const { socket } of deaf) {
    socket.pause();
    socket.write(good.repeat(5000));
  }
  gateway.kill('SIGCONT');
  await Promise.all(deaf.map((one) => one.closed));
  await served(5);
  expect(residentBytes(gateway.pid) - before).toBeLessThan(GROWTH);

  // The slow ones are ended by the gateway, in its time.
  await Promise.all(slow.map((one) => one.closed));
  for (const { socket } of bodies) socket.destroy();
  await other.end();
  expect(other.counts.failed).toBe(0);
  // It told of what it refused, and did not fill the log with it.
  const told = gateway.lines.filter((line) => line.level === 'warn').map((line) => line.message);
  for (const words of ['was refused with 431', 'it sent more requests while 50 were not answered'])
    expect(told.join()).toContain(words);
  expect(told.length).toBeLessThan(200);
  gateway.kill('SIGTERM');
  expect(await gateway.exit).toEqual({ code: 0, signal: null });
});
