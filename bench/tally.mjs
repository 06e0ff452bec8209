// The handler's side of the bench, in whatever process or thread runs handlers: which tasks began, and when. Everything is
// kept in memory and told over a Unix socket (BENCH_SOCKET), so that no peer's own store or log is used for measuring.
import { createConnection } from 'node:net';

/** What every handler returns: about 100 bytes of JSON. */
export const RESULT = {
  ok: true,
  rows: 120,
  pages: 3,
  note: 'a result of about one hundred bytes, as a crawler returns',
};

const TOLD_EVERY_MS = 20;
const ids = [];
const begun = [];
let told = 0;
let socket;

/** To be called by a handler first of all. CLOCK_MONOTONIC in microseconds: one clock for all processes of a machine. */
export function ran(id) {
  begun.push(Number(process.hrtime.bigint() / 1000n));
  ids.push(id);
  if (socket === undefined) connect();
}

/** The same for threads that stand still between two jobs: told at once, and awaited. */
export async function ranAndTold(id) {
  const at = Number(process.hrtime.bigint() / 1000n);
  socket ??= createConnection(process.env.BENCH_SOCKET).unref();
  await new Promise((resolve) => socket.write(`${JSON.stringify({ ids: [id], begun: [at], now: true })}\n`, resolve));
}

// Not before a handler runs: the process that enqueues may load the same module.
function connect() {
  socket = createConnection(process.env.BENCH_SOCKET);
  socket.unref();
  socket.on('error', () => {});
  socket.setEncoding('utf8').on('data', (text) => {
    if (text.includes('collect')) socket.write(`${JSON.stringify({ ids, begun })}\n`);
  });
  setInterval(() => {
    if (told === ids.length) return;
    told = ids.length;
    socket.write(`${JSON.stringify({ count: told })}\n`);
  }, TOLD_EVERY_MS).unref();
}
