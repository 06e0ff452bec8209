// How fast a fleet empties a full queue. The rule, the same for every peer: the worker processes are up and connected, the
// N tasks are in the store before the first can begin, and the clock runs from the first line of the first handler until
// the peer's own store has no unfinished task. Then the store and the handlers' own tally must both say: each once.
import { setTimeout as pause } from 'node:timers/promises';
import { now, TallyServer } from '../tally-server.mjs';
import { CpuMeter } from './cpu-meter.mjs';

const LOOK_MS = 5;

/** Tasks of the run that counts round trips: through a proxy, which costs time of its own. */
const MOST_COUNTED = 10_000;

/**
 * `warmUp`: the share of the tasks that begin before the clock runs, for sizes at which the processes would still be warming
 * up for much of the time. The figures are of the others; `n` is all of them.
 */
export async function drain(peer, { workers, slots, n, warmUp = 0 }) {
  const before = await peer.deadlocks?.();
  const meter = new CpuMeter(await peer.serverPid());
  let metered;
  const { seconds, timed, runs } = await emptyQueue(peer, {
    workers,
    slots,
    n,
    warmUp,
    onClock: (fleet) => {
      metered = now();
      meter.start(fleet.pids());
    },
    onEnd: () => meter.stop(),
  });
  const after = await peer.deadlocks?.();
  const since = warmUp > 0 ? runs.filter(({ at }) => at >= metered).length : n;
  const figures = { n, seconds, tasks_per_s: Math.round(timed / seconds), ...meter.perTask(since) };
  return after === undefined ? figures : { ...figures, deadlocks: after - before };
}

/** The same through a proxy that counts: no figure of time comes out of it. */
export async function count(peer, { workers, slots, n }) {
  const tasks = Math.min(n, MOST_COUNTED);
  return peer.proxied(async (startWorkers, [counts]) => {
    let atStart = 0;
    const onStart = () => {
      atStart = counts.roundTrips;
    };
    await emptyQueue({ ...peer, startWorkers }, { workers, slots, n: tasks, onStart });
    return {
      n: tasks,
      round_trips_per_task: round((counts.roundTrips - atStart) / tasks, 3),
      deadlocks: counts.errors.get(1213) ?? 0,
      lock_waits: counts.errors.get(1205) ?? 0,
    };
  });
}

/**
 * `seconds` from the first handler's first line to the end of the last task, how many tasks were `timed` so, and every
 * beginning in the order of time. `fresh: false` goes on with the store as it is; `preloaded`: the tasks go in before the
 * workers start. `lanes`: kinds of tasks. `waitMs`: how long each waits (afd alone). `warmUp`: this share of the tasks begins
 * before the clock starts. `onClock(fleet)` and `onEnd()` are called when the clock starts and when it stops.
 */
export async function emptyQueue(
  peer,
  {
    workers,
    slots,
    n,
    lanes = 1,
    waitMs = 0,
    fresh = true,
    preloaded = false,
    onStart = () => {},
    warmUp = 0,
    onClock = () => {},
    onEnd = () => {},
  },
) {
  if (fresh) await peer.reset();
  const tally = await new TallyServer().listen();
  const cold = Math.floor(n * warmUp);
  let fleet;
  if (cold === 0) tally.onFirst = () => onClock(fleet);
  try {
    if (preloaded) await peer.preload(n, lanes);
    fleet = await peer.startWorkers({ workers, slots, lanes, waitMs, socket: tally.path });
    onStart();
    if (!preloaded) await peer.preload(n, lanes);
    await fleet.go();
    if (cold > 0) {
      await tally.until(cold);
      onClock(fleet);
    }
    await tally.until(n);
    let end = now();
    while ((await peer.unfinished()) > 0) {
      fleet.check();
      await pause(LOOK_MS);
      end = now();
    }
    onEnd();
    const runs = (await tally.collect()).sort((a, b) => a.at - b.at);
    await assertOnce(peer, runs, n);
    return { seconds: round((end - runs[cold].at) / 1e6, 3), timed: n - cold, runs };
  } finally {
    await fleet?.stop();
    tally.close();
  }
}

/** @throws Error unless each of the n tasks ran once and is stored as done */
export async function assertOnce(peer, runs, n) {
  const { done, failed, result } = await peer.finished();
  const distinct = new Set(runs.map(({ id }) => id)).size;
  if (done !== n || failed !== 0 || runs.length !== n || distinct !== n) {
    throw new Error(
      `${n} tasks were to be done once: the store says ${done} done, ${failed} not; handlers ran ${runs.length} times, for ${distinct} tasks`,
    );
  }
  if (peer.storesResult && (result === null || result === undefined)) throw new Error('no result was stored');
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
