// The guard of a worker, after the end of its pipe: ends what the commands of exactly that worker have left, then ends.
import { argv } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { endStrays } from './end-group.ts';
import { endLeftovers } from './leftovers.ts';
import { pidNamespace } from './process-table.ts';
import { readStamp, stampLives } from './worker-stamp.ts';

/** Milliseconds. The pipe of a worker closes while the kernel still takes it apart. */
const PAUSE_MS = 20;
const GIVE_UP_MS = 60_000;

const [text = '', cgroup] = argv.slice(2);
const stamp = readStamp(text);
if (stamp !== undefined && stamp.namespace === pidNamespace('self')) {
  for (let waited = 0; stampLives(stamp) && waited < GIVE_UP_MS; waited += PAUSE_MS) await delay(PAUSE_MS);
  // Of a worker that lives nothing is ended.
  if (!stampLives(stamp)) {
    await endLeftovers(({ worker }) => worker === text, { scans: 2, giveUpMs: GIVE_UP_MS });
    // What hid from that by a change of its environment; and the groups go.
    if (cgroup !== undefined) await endStrays(cgroup);
  }
}
