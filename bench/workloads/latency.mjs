// How long a task waits when nobody is busy: one task every 50 to 150 ms for an idle fleet, from the call that enqueues it
// to its handler's first line, both by CLOCK_MONOTONIC, which is one clock for all processes of a machine.
import { setTimeout as pause } from 'node:timers/promises';
import { now, TallyServer } from '../tally-server.mjs';

const LEAST_MS = 50;
const MOST_MS = 150;
/** The first ones open connections and warm caches; at most as many as are measured. */
const WARM_UP = 10;

export async function latency(peer, { workers, slots, n }) {
  const results = [];
  for (const [what, add] of Object.entries(peer.producers ?? { 'own API': (id) => peer.addOne(id) })) {
    results.push({ what, ...(await measured(peer, add, { workers, slots, n })) });
  }
  return results;
}

async function measured(peer, add, { workers, slots, n }) {
  await peer.reset();
  const tally = await new TallyServer().listen();
  let fleet;
  try {
    fleet = await peer.startWorkers({ workers, slots, socket: tally.path });
    await fleet.go();
    await peer.warm?.(1);
    const called = [];
    const warmUp = Math.min(WARM_UP, n);
    for (let id = 0; id < n + warmUp; id += 1) {
      await pause(LEAST_MS + Math.random() * (MOST_MS - LEAST_MS));
      called[id] = now();
      await add(id);
    }
    await tally.until(called.length);
    const runs = await tally.collect();
    if (new Set(runs.map(({ id }) => id)).size !== called.length || runs.length !== called.length) {
      throw new Error(`${called.length} tasks were to run once; handlers ran ${runs.length} times`);
    }
    const waits = runs.filter(({ id }) => id >= warmUp).map(({ id, at }) => (at - called[id]) / 1000);
    return { n, ...percentiles(waits) };
  } finally {
    await fleet?.stop();
    tally.close();
  }
}

/** Milliseconds: p50, p99, max. */
export function percentiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
  const round = (value) => Number(value.toFixed(1));
  return { p50_ms: round(at(0.5)), p99_ms: round(at(0.99)), max_ms: round(sorted.at(-1)) };
}
