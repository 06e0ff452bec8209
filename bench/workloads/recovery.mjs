// What a death costs at the default settings: a full worker killed with SIGKILL until each of its tasks has begun
// elsewhere; the leader killed, and asked to stop, until another leads. `n` = tasks that the dead worker held.
import { setTimeout as pause } from 'node:timers/promises';
import { now, TallyServer } from '../tally-server.mjs';
import { percentiles } from './latency.mjs';

/** Locks say nothing for the first 15 s (master.lock_trust_after_start), and heartbeats come every 10 s. */
const SETTLE_S = 16;
const LOOK_MS = 5;
const PATIENCE_MS = 120_000;

export async function recovery(peer, { workers, n, settle = SETTLE_S }) {
  return [
    await killed(peer, { workers, n, settle, leads: false }),
    ...(await killed(peer, { workers, n, settle, leads: true })),
    await resigned(peer, { workers }),
  ].flat();
}

/** A worker that holds n tasks is killed; all others are free. */
async function killed(peer, { workers, n, settle, leads }) {
  return withFleet(peer, { workers, slots: n }, async (fleet, tally) => {
    const leader = indexOf(await peer.store.leader());
    const victim = leads ? leader : (leader + 1) % workers;
    const others = fleet.ids.filter((_, one) => one !== victim);
    await peer.store.setOperatorState(others, 'paused');
    await peer.preload(n);
    await tally.until(n, PATIENCE_MS);
    await peer.store.setOperatorState(others, 'active');
    await pause(settle * 1000);
    const at = now();
    fleet.processes[victim].kill('SIGKILL');
    const ledAgain = leads ? await untilAnotherLeads(peer, fleet.ids[victim], at) : undefined;
    await tally.until(2 * n, PATIENCE_MS);
    const again = (await tally.collect()).filter((one) => one.at >= at);
    if (new Set(again.map(({ id }) => id)).size !== n || again.length !== n) {
      throw new Error(`${n} tasks were to begin once more; ${again.length} did`);
    }
    const { p50_ms, max_ms } = percentiles(again.map((one) => (one.at - at) / 1000));
    const tasks = { what: `a ${leads ? 'leader' : 'worker'} killed: its tasks begun elsewhere`, n, p50_ms, max_ms };
    return leads ? [tasks, { what: 'the leader killed: another leads', p50_ms: ledAgain, max_ms: ledAgain }] : tasks;
  });
}

async function resigned(peer, { workers }) {
  return withFleet(peer, { workers, slots: 1 }, async (fleet) => {
    const leader = await peer.store.leader();
    const at = now();
    fleet.processes[indexOf(leader)].kill('SIGTERM');
    const ms = await untilAnotherLeads(peer, leader, at);
    return { what: 'the leader asked to stop: another leads', p50_ms: ms, max_ms: ms };
  });
}

async function withFleet(peer, { workers, slots }, work) {
  await peer.reset();
  const tally = await new TallyServer().listen();
  let fleet;
  try {
    fleet = await peer.startWorkers({ workers, slots, socket: tally.path, endless: true });
    return await work(fleet, tally);
  } finally {
    await fleet?.stop({ signal: 'SIGKILL' });
    tally.close();
  }
}

/** Milliseconds since `at`. */
async function untilAnotherLeads(peer, before, at) {
  for (;;) {
    const leader = await peer.store.leader();
    const ms = (now() - at) / 1000;
    if (leader !== undefined && leader !== before) return Number(ms.toFixed(1));
    if (ms > PATIENCE_MS) throw new Error(`nobody leads ${PATIENCE_MS / 1000} s after the end of ${before}`);
    await pause(LOOK_MS);
  }
}

/** Place in the fleet of the device `bench-<n>`. */
function indexOf(deviceId) {
  return Number(/\d+$/.exec(deviceId)[0]) - 1;
}
