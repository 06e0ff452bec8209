// A fleet that works while somebody has added as many tasks again in one transaction and does not commit it. Nobody may see
// these tasks, but every claim comes to them: they are due before the others.
import { holdInsert } from '../peers/afd-fill.mjs';
import { typeOf } from '../peers/afd-types.mjs';
import { emptyQueue } from './drain.mjs';

export async function openInsert(peer, { workers, slots, n }) {
  await peer.reset();
  const alone = await emptyQueue(peer, { workers, slots, n, fresh: false });
  await peer.reset();
  const undo = await holdInsert(peer.store, typeOf(0), n);
  try {
    const meanwhile = await emptyQueue(peer, { workers, slots, n, fresh: false });
    return {
      n,
      tasks_per_s: Math.round(n / meanwhile.seconds),
      tasks_per_s_without: Math.round(n / alone.seconds),
      longest_gap_ms: longestGap(meanwhile.runs),
    };
  } finally {
    await undo();
  }
}

/** The longest time, in milliseconds, in which no task of the fleet began. */
function longestGap(runs) {
  const gaps = runs.slice(1).map(({ at }, n) => (at - runs[n].at) / 1000);
  return Number(gaps.reduce((most, gap) => Math.max(most, gap), 0).toFixed(1));
}
