// What it costs to run module handlers in a thread or in processes, and what it gains when one blocks its event loop: the
// same fleet with each `isolation`, interleaved, on a private MariaDB. The extreme are tasks that do nothing; a crawl is
// nearer to the ones that wait.
//   node bench/isolation.mjs [repetitions] [part of the name of a row ...]
import { readdirSync, readFileSync } from 'node:fs';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { median } from './median.mjs';

await bootstrap();
const { afd } = await import('./peers/afd.mjs');
const { Servers } = await import('./servers/servers.mjs');
const { drain, emptyQueue } = await import('./workloads/drain.mjs');
const { latency } = await import('./workloads/latency.mjs');

const [reps = '5', ...only] = process.argv.slice(2);
const HOMES = ['none', 'thread', 'process'];
/** How long the first task of a run blocks its event loop. */
const BLOCK_MS = 10_000;
/** A process gets no more of the environment than is named, and is not replaced: it would forget what it has run. */
const MORE = {
  none: {},
  thread: {},
  process: { env: { BENCH_SOCKET: `\${${'BENCH_SOCKET'}}` }, recycle: { tasks: 1_000_000, memory: '1TB' } },
};

const servers = new Servers({ install: false });
const peer = await afd.open('mariadb', { servers });

/** MB of physical memory of each of these processes with all that they have started. */
function memory(pids) {
  const parents = readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : '';
    return stat === '' ? [] : [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
  });
  const below = (pid) => parents.filter(([, parent]) => parent === pid).flatMap(([child]) => [child, ...below(child)]);
  const own = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  return pids.map((pid) => [pid, ...below(pid)].reduce((sum, one) => sum + own(one), 0));
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** One home's fleet: `startWorkers` of it notes the memory of each worker when it stops, and the time of its start. */
function fleetOf(home, handler, notes) {
  return {
    ...peer,
    startWorkers: async (options) => {
      const begun = performance.now();
      const fleet = await peer.startWorkers({ ...options, ...handler, more: { isolation: home, ...MORE[home] } });
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
  const figures = await drain(fleetOf(home, { waitMs }, notes), { workers, slots, n, warmUp: 0.2 });
  return { ...figures, ...notes };
};
const ROWS = {
  'no-op 4 × 10': drained(4, 10, 20_000, 0),
  '20 ms 4 × 10': drained(4, 10, 4_000, 20),
  '100 ms 4 × 10': drained(4, 10, 2_000, 100),
  'pick-up 1 × 10': async (home) => {
    const notes = {};
    const [own] = await latency(fleetOf(home, {}, notes), { workers: 1, slots: 10, n: 40 });
    return { p50_ms: own.p50_ms, p99_ms: own.p99_ms, ...notes };
  },
  // Of ten slots one is held by a task that does not return to its event loop; the others have tasks of 20 ms.
  'blocked 1 × 10': async (home) => {
    const fleet = fleetOf(home, { waitMs: 20, blockMs: BLOCK_MS }, {});
    const { runs } = await emptyQueue(fleet, { workers: 1, slots: 10, n: 1000 });
    const at = runs.filter(({ id }, n) => id !== 0 || n === 0).map((one) => one.at);
    const gaps = at.slice(1).map((one, n) => one - at[n]);
    return { others_s: (at.at(-1) - runs[0].at) / 1e6, longest_gap_ms: Math.max(...gaps) / 1000 };
  },
};

try {
  for (const [name, measure] of Object.entries(ROWS)) {
    if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
    const seen = Object.fromEntries(HOMES.map((home) => [home, []]));
    for (let rep = 0; rep < Number(reps); rep += 1) {
      // The order changes, so that no home always meets the warmer server.
      for (const home of rep % 2 === 0 ? HOMES : [...HOMES].reverse()) {
        seen[home].push(await measure(home));
        if (process.env.BENCH_VERBOSE) console.error(name, home, JSON.stringify(seen[home].at(-1)));
      }
    }
    for (const key of Object.keys(seen.none[0])) {
      if (key === 'n' || key === 'deadlocks' || seen.none[0][key] === null) continue;
      const told = HOMES.map((home) => {
        const ratio = median(seen.none.map((one, n) => seen[home][n][key] / one[key]));
        return `${home} ${median(seen[home].map((one) => one[key])).toFixed(1)} (${ratio.toFixed(2)})`;
      });
      console.log(`${name.padEnd(15)} ${key.padEnd(24)} ${told.join('  ')}`);
    }
  }
} finally {
  await peer.close();
  await servers.stop();
}
