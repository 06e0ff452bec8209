// How fast one producer puts tasks into the store: in bulk, and one by one with twenty calls at once. No worker runs. The
// clock runs until the store has acknowledged all; then the store is asked how many it has.
import { range } from '../peers/payload.mjs';
import { now } from '../tally-server.mjs';

const AT_ONCE = 20;
/** Fewer tasks one by one, which is much slower than in bulk. */
const ONE_BY_ONE = 0.125;

export async function enqueue(peer, { n }) {
  const results = [];
  if (peer.addBulk !== undefined) {
    const parts = range(n, peer.bulk);
    results.push({
      what: `${peer.bulk} a call`,
      ...(await timed(peer, n, () => inTurn(parts, (ids) => peer.addBulk(ids)))),
    });
  }
  const some = Math.max(AT_ONCE, Math.round(n * ONE_BY_ONE));
  const [ids] = range(some, some);
  const one = await timed(peer, some, () =>
    Promise.all(Array.from({ length: AT_ONCE }, () => inTurn(ids, (id) => peer.addOne(id)))),
  );
  return [...results, { what: `one a call, ${AT_ONCE} at once`, ...one }];
}

async function timed(peer, n, work) {
  await peer.reset();
  await peer.warm?.(AT_ONCE);
  const begin = now();
  await work();
  const seconds = (now() - begin) / 1e6;
  const stored = await peer.stored();
  if (stored !== n) throw new Error(`${n} tasks were put in, and the store has ${stored}`);
  return { n, seconds: Number(seconds.toFixed(3)), tasks_per_s: Math.round(n / seconds) };
}

/** Several callers may share a list: each takes the next. */
async function inTurn(list, work) {
  while (list.length > 0) await work(list.shift());
}
