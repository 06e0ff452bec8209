// The end of a control group: nothing of it runs, and it is removed.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonic } from '../../runtime/clock.ts';
import {
  codeOf,
  groupsIn,
  numberIn,
  pidsIn,
  readValue,
  removeGroup,
  writeIfThere,
  writeValue,
} from './cgroup-files.ts';
import { killProcess } from './process-group.ts';
import { pidNamespace, processStat } from './process-table.ts';
import { readStamp, stampLives, stampsOf } from './worker-stamp.ts';

/** The group into which a worker moves itself: only a group without processes may give its controllers to those in it. */
export const LEAF = 'afd-worker';
/** Milliseconds; twice as many after each round. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 20;
/** What was killed and is still there then hangs in the kernel. */
const GIVE_UP_MS = 2000;

export interface Stray {
  dir: string;
  /** How many of its processes were ended. */
  ended: number;
}

/**
 * Kills what runs in a group, in whatever session, and resolves to how many were found when nothing runs any more, or after two
 * seconds. What began with an empty AFD_WORKER may outlive its attempt: it is moved to `keptIn`. @throws what the kernel answers
 */
export async function emptyGroup(dir: string, keptIn: string): Promise<number> {
  const found = new Set<number>();
  const until = monotonic() + GIVE_UP_MS;
  for (let pause = FIRST_PAUSE; await populated(dir); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    let kept = 0;
    const pids = await pidsIn(dir);
    for (const pid of pids) {
      if (stampsOf(pid)?.worker === '') {
        kept += 1;
        await writeValue(keptIn, 'cgroup.procs', pid).catch(unlessGone);
      } else found.add(pid);
    }
    if (pids.length > kept && !(await writeIfThere(dir, 'cgroup.kill', 1))) killEach(pids);
    if (monotonic() >= until) break;
    if (kept === 0) await delay(pause);
  }
  return found.size;
}

/**
 * Ends and removes the groups of attempts whose worker does not run any more. A group names its worker, so that of two workers
 * in one group neither ends what the other runs.
 */
export async function endStrays(root: string): Promise<Stray[]> {
  const own = pidNamespace('self');
  const strays: Stray[] = [];
  for (const dir of await groupsIn(root)) {
    const stamp = readStamp(dir.slice(dir.lastIndexOf('@') + 1));
    if (stamp === undefined || stamp.namespace !== own || stampLives(stamp)) continue;
    strays.push({ dir, ended: await emptyGroup(dir, join(root, LEAF)) });
    await removeSoon(dir);
  }
  return strays;
}

/** A process that has just ended still counts for some milliseconds. @throws EBUSY: something runs in it */
export async function removeSoon(dir: string): Promise<void> {
  const until = monotonic() + GIVE_UP_MS;
  for (;;) {
    try {
      return await removeGroup(dir);
    } catch (error) {
      if (codeOf(error) !== 'EBUSY' || monotonic() >= until) throw error;
    }
    await delay(LONGEST_PAUSE);
  }
}

async function populated(dir: string): Promise<boolean> {
  return numberIn(await readValue(dir, 'cgroup.events'), 'populated') === 1;
}

/** Before Linux 5.14. */
function killEach(pids: number[]): void {
  for (const pid of pids) {
    const stat = processStat(pid);
    if (stat !== undefined && stampsOf(pid)?.worker !== '') killProcess(pid, stat.started);
  }
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== 'ESRCH') throw error;
}
