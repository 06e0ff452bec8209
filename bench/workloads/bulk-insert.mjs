// What a fleet that has nothing to do costs a program that adds many tasks in one transaction. Nobody may see the tasks
// before its COMMIT, but every poll for due work reads over them.
import { setTimeout as pause } from 'node:timers/promises';
import { holdInsert } from '../peers/afd-fill.mjs';
import { typeOf } from '../peers/afd-types.mjs';
import { TallyServer } from '../tally-server.mjs';

const LOOK_MS = 500;
/** How long the transaction stays open between its last INSERT and its end, per task: the polls read over the most rows then. */
const OPEN_MS_EACH = 0.2;

export async function bulkInsert(peer, { workers, slots, n }) {
  await peer.reset();
  const without = await timed(peer, n);
  await peer.reset();
  const tally = await new TallyServer().listen();
  const fleet = await peer.startWorkers({ workers, slots, socket: tally.path });
  const sessions = new AbortController();
  const most = mostSessions(peer, sessions.signal);
  try {
    const meanwhile = await timed(peer, n);
    fleet.check();
    sessions.abort();
    return { n, seconds: meanwhile, seconds_without: without, ...(await most) };
  } finally {
    sessions.abort();
    await fleet.stop();
    tally.close();
  }
}

/** Seconds of INSERT and ROLLBACK, without what the transaction is held open for between them. */
async function timed(peer, n) {
  const began = performance.now();
  const undo = await holdInsert(peer.store, typeOf(0), n);
  await pause(OPEN_MS_EACH * n);
  await undo();
  return Number(((performance.now() - began - OPEN_MS_EACH * n) / 1000).toFixed(1));
}

/** Sessions of the schema at one time, and how many of them the server was working for. */
async function mostSessions(peer, signal) {
  const most = { most_sessions: 0, most_active: 0 };
  while (!signal.aborted) {
    const { all, active } = await peer.store.sessions();
    most.most_sessions = Math.max(most.most_sessions, all);
    most.most_active = Math.max(most.most_active, active);
    await pause(LOOK_MS, undefined, { signal }).catch(() => {});
  }
  return most;
}
