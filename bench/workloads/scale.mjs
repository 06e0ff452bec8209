// Whether claiming stays as fast when the table is full: few and many finished rows, rows that are due later in a better
// rank, many kinds of tasks, and a snapshot (a dump, a report) that keeps every dead entry of the index where it was.
// `n` = finished rows of the full table; everything else shrinks with it.
import { fillFinished, fillLater, holdSnapshot } from '../peers/afd-fill.mjs';
import { emptyQueue } from './drain.mjs';

const FEW = 10_000;
const LANES = 200;
/** As shares of n: of 5,000,000 rows, 100,000 that are due later and 300,000 tasks that churn. */
const LATER = 0.02;
const CHURN = 0.06;
/** Tasks of one measurement: some seconds of work, so that beginning and end weigh little; fewer where all is small. */
const MEASURED = 60_000;

export async function scale(peer, { workers, slots, n }) {
  const share = (one) => Math.max(200, Math.round(n * one));
  const measured = Math.min(MEASURED, share(0.1));
  const { store } = peer;
  const measure = async (what, tasks, options) => {
    await store.ignoreWhatIsThere();
    const { seconds, runs } = await emptyQueue(peer, { workers, slots, n: tasks, fresh: false, ...options });
    return { result: { what, n: tasks, tasks_per_s: Math.round(tasks / seconds) }, runs };
  };
  const results = [];

  await peer.reset();
  await fillFinished(store, FEW);
  results.push((await measure(`${words(FEW)} finished rows`, measured)).result);

  await fillFinished(store, n - FEW);
  await fillLater(store, share(LATER));
  const full = `${words(n)} finished, ${words(share(LATER))} due later in a better rank`;
  results.push((await measure(full, measured)).result);
  results.push((await measure(`the same, ${LANES} lanes`, measured, { lanes: LANES })).result);

  await peer.reset();
  const release = await holdSnapshot(store);
  try {
    const churn = share(CHURN);
    const { result, runs } = await measure(`a snapshot held open over ${words(churn)} tasks`, churn, {
      preloaded: true,
    });
    const tenth = Math.floor(churn / 10);
    const rate = (from, to) => Math.round((to - from) / ((runs[to].at - runs[from].at) / 1e6));
    results.push({
      ...result,
      first_tenth_per_s: rate(0, tenth),
      last_tenth_per_s: rate(churn - 1 - tenth, churn - 1),
    });
  } finally {
    await release();
  }
  return results;
}

function words(number) {
  return number.toLocaleString('en');
}
