// Many processes at one queue, on the cores of this machine: what a crowd costs each of its members. Tasks that do nothing,
// as in `drain`, with the deadlocks and the waiting for row locks that the server has counted; and tasks that wait for 20 ms
// (afd alone), against the time that they would take if nothing else cost any, in one slot of each process and in all.
import { drain, emptyQueue } from './drain.mjs';

/** Milliseconds of a task that waits. */
const WAITING_MS = 20;
/** Seconds that the pending tasks take ideally: long enough that start and end hardly count. */
const IDEAL_S = 4;
/** Of so few tasks a figure means nothing anyway: a trial of the workload itself, which is not to wait for them. */
const TRIAL = 1000;
const TRIAL_IDEAL_S = 0.4;
/** Forty processes on two cores compile the same code forty times: only then does a run show what claiming costs. */
const WARM_UP = 0.5;

export async function crowd(peer, { workers, slots, n }) {
  const nothing = await drained(peer, { workers, slots, n });
  if (peer.locks === undefined) return [nothing];
  const idealS = n < TRIAL ? TRIAL_IDEAL_S : IDEAL_S;
  const waited = [await waiting(peer, { workers, slots: 1, idealS }), await waiting(peer, { workers, slots, idealS })];
  return [nothing, ...waited];
}

async function drained(peer, size) {
  const before = await peer.locks?.();
  const figures = await drain(peer, { ...size, warmUp: WARM_UP });
  const after = (await peer.locks?.()) ?? {};
  const locks = Object.entries(after).map(([name, value]) => [name, value - before[name]]);
  return { what: 'nothing', ...figures, ...Object.fromEntries(locks) };
}

async function waiting(peer, { workers, slots, idealS }) {
  const n = Math.round((workers * slots * idealS * 1000) / WAITING_MS);
  const size = { workers, slots, n, waitMs: WAITING_MS, warmUp: WARM_UP };
  const { seconds, timed } = await emptyQueue(peer, size);
  const tasks_per_s = Math.round(timed / seconds);
  return {
    what: `${WAITING_MS} ms`,
    slots,
    n,
    seconds,
    tasks_per_s,
    of_ideal_time: Number((seconds / (idealS * (1 - WARM_UP))).toFixed(2)),
  };
}
