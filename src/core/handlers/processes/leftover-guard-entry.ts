// The guard of a worker, after the end of its pipe: ends what the commands of exactly that worker have left, then ends.
import { argv } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { endLeftovers } from './leftovers.ts';
import { pidNamespace } from './process-table.ts';
import { markLives, readMark } from './worker-mark.ts';

/** Milliseconds. The pipe of a worker closes while the kernel still takes it apart. */
const PAUSE_MS = 20;
const PATIENCE_MS = 60_000;

const text = argv[2] ?? '';
const mark = readMark(text);
if (mark !== undefined && mark.namespace === pidNamespace('self')) {
  for (let waited = 0; markLives(mark) && waited < PATIENCE_MS; waited += PAUSE_MS) await delay(PAUSE_MS);
  // Of a worker that lives nothing is ended.
  if (!markLives(mark)) await endLeftovers(({ worker }) => worker === text, { looks: 2, patienceMs: PATIENCE_MS });
}
