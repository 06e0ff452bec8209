// Workers whose database is far away: tasks that wait for 20 ms, through a proxy that delays everything, against what the slots
// could do if each task were at hand when a slot is free.
import { emptyQueue } from './drain.mjs';

const WAITING_MS = 20;
/** Milliseconds from a worker to the database and back. */
const ROUND_TRIPS_MS = [0, 50, 150];
/** Connecting over a long way takes seconds. */
const WARM_UP = 0.25;

export async function slowLink(peer, { workers, slots, n }) {
  const figures = [];
  for (const round_trip of ROUND_TRIPS_MS) {
    const size = { workers, slots, n, waitMs: WAITING_MS, warmUp: WARM_UP };
    const { seconds, timed } = await peer.proxied((startWorkers) => emptyQueue({ ...peer, startWorkers }, size), {
      delayMs: round_trip / 2,
    });
    const tasks_per_s = Math.round(timed / seconds);
    const of_possible = Number((tasks_per_s / ((workers * slots * 1000) / WAITING_MS)).toFixed(2));
    figures.push({ what: `${round_trip} ms`, n, seconds, tasks_per_s, of_possible });
  }
  return figures;
}
