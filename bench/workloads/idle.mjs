// What a fleet costs that has nothing to do: processor time of the database, and for afd what each device sends. The one
// that leads is counted apart from those that do not. `n` = seconds that are measured.
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMs } from '../servers/server-pid.mjs';
import { TallyServer } from '../tally-server.mjs';

/** After their start, processes still do things that they do once. */
const SETTLE_S = 5;

export async function idle(peer, { workers, slots, n, settle = SETTLE_S }) {
  if (peer.proxied === undefined) {
    await peer.reset();
    return [await watched(peer, { workers, slots, n, settle })];
  }
  const results = [];
  for (const fleet of new Set([1, workers])) {
    await peer.reset();
    results.push(
      ...(await peer.proxied(
        (startWorkers, counts) => devices(peer, startWorkers, counts, { workers: fleet, slots, n, settle }),
        {
          workers: fleet,
          each: true,
        },
      )),
    );
  }
  return results;
}

async function devices(peer, startWorkers, counts, { workers, slots, n, settle }) {
  const readings = [];
  let leader;
  const read = async () => {
    readings.push(counts.map(({ roundTrips, separators }) => [roundTrips, roundTrips + separators]));
    leader = await peer.leader();
  };
  const fleet = await watched({ ...peer, startWorkers }, { workers, slots, n, settle }, read);
  const leading = Number(/\d+$/.exec(leader)?.[0]) - 1;
  if (counts[leading] === undefined) throw new Error(`the leader is "${leader}", which is none of the devices`);
  const [before, after] = readings;
  const perSecond = (which) => {
    const chosen = counts.map((_, one) => one).filter(which);
    if (chosen.length === 0) return {};
    const mean = (k) => chosen.reduce((sum, one) => sum + after[one][k] - before[one][k], 0) / chosen.length / n;
    return { round_trips_per_s: round(mean(0)), statements_per_s: round(mean(1)) };
  };
  return [
    fleet,
    { what: `leader of ${workers}`, ...perSecond((one) => one === leading) },
    ...(workers > 1 ? [{ what: `each other device of ${workers}`, ...perSecond((one) => one !== leading) }] : []),
  ];
}

/** Processor time of the database under a fleet that does nothing. `read` is called at both ends. */
async function watched(peer, { workers, slots, n, settle }, read = async () => {}) {
  const tally = await new TallyServer().listen();
  let fleet;
  try {
    fleet = await peer.startWorkers({ workers, slots, socket: tally.path });
    await fleet.go();
    await pause(settle * 1000);
    const pid = await peer.serverPid();
    await read();
    const before = pid === undefined ? undefined : cpuMs(pid);
    await pause(n * 1000);
    fleet.check();
    await read();
    return {
      what: `fleet of ${workers}`,
      ...(before === undefined ? {} : { database_cpu_ms_per_s: round((cpuMs(pid) - before) / n) }),
    };
  } finally {
    await fleet?.stop();
    tally.close();
  }
}

function round(value) {
  return Number(value.toFixed(2));
}
