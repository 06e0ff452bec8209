// What a thread for module handlers costs: the same fleet with `thread: main` and `thread: shared`, interleaved, on a
// private MariaDB. The extreme are tasks that do nothing; a crawl is nearer to the ones that wait.
//   node bench/handler-thread.mjs [repetitions] [part of the name of a row ...]
import { readFileSync } from 'node:fs';
import { bootstrap } from '../scripts/bootstrap.mjs';

await bootstrap();
const { afd } = await import('./peers/afd.mjs');
const { Servers } = await import('./servers/servers.mjs');
const { drain } = await import('./workloads/drain.mjs');
const { latency } = await import('./workloads/latency.mjs');

const [reps = '5', ...only] = process.argv.slice(2);
const HOMES = ['main', 'shared'];
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** MB of physical memory that the processes have. */
const memory = (pids) =>
  pids.map((pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);

const servers = new Servers({ install: false });
const peer = await afd.open('mariadb', { servers });

/** One home's fleet: `startWorkers` of it notes the memory of each worker when it stops, and the time of its start. */
function fleetOf(home, waitMs, notes) {
  return {
    ...peer,
    startWorkers: async (options) => {
      const begun = performance.now();
      const fleet = await peer.startWorkers({ ...options, waitMs, more: { thread: home } });
      notes.start_ms = performance.now() - begun;
      notes.rss_idle_mb = median(memory(fleet.pids()));
      return {
        ...fleet,
        stop: (how) => {
          notes.rss_mb = median(memory(fleet.pids()));
          return fleet.stop(how);
        },
      };
    },
  };
}

const drained = (workers, slots, n, waitMs) => async (home) => {
  const notes = {};
  const figures = await drain(fleetOf(home, waitMs, notes), { workers, slots, n });
  return { ...figures, ...notes };
};
const ROWS = {
  'no-op 4 × 10': drained(4, 10, 40_000, 0),
  'no-op 4 × 50': drained(4, 50, 40_000, 0),
  '20 ms 4 × 10': drained(4, 10, 4_000, 20),
  '100 ms 4 × 50': drained(4, 50, 4_000, 100),
  'pick-up 1 × 10': async (home) => {
    const notes = {};
    const [own] = await latency(fleetOf(home, 0, notes), { workers: 1, slots: 10, n: 40 });
    return { p50_ms: own.p50_ms, p99_ms: own.p99_ms, ...notes };
  },
};

try {
  for (const [name, measure] of Object.entries(ROWS)) {
    if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
    const seen = { main: [], shared: [] };
    for (let rep = 0; rep < Number(reps); rep += 1) {
      // The order changes, so that neither home always meets the warmer server.
      for (const home of rep % 2 === 0 ? HOMES : [...HOMES].reverse()) {
        seen[home].push(await measure(home));
        if (process.env.BENCH_VERBOSE) console.error(name, home, JSON.stringify(seen[home].at(-1)));
      }
    }
    for (const key of Object.keys(seen.main[0])) {
      if (key === 'n' || key === 'deadlocks' || seen.main[0][key] === null) continue;
      const [main, shared] = HOMES.map((home) => median(seen[home].map((one) => one[key])));
      const pairs = median(seen.main.map((one, n) => seen.shared[n][key] / one[key]));
      console.log(
        `${name.padEnd(15)} ${key.padEnd(24)} main ${main.toFixed(1)}  shared ${shared.toFixed(1)}  ` +
          `ratio ${(shared / main).toFixed(3)} (median of pairs ${pairs.toFixed(3)})`,
      );
    }
  }
} finally {
  await peer.close();
  await servers.stop();
}
