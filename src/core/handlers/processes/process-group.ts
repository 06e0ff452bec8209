// The only file that signals processes. Every command is the leader of a group of its own (its pid = the group's id),
// so that what it started ends with it.
import { readdir, readFile } from 'node:fs/promises';
import { kill } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { processStat, runs } from './process-table.ts';

/** Milliseconds. */
const FIRST_CHECK = 2;
const SLOWEST_CHECK = 100;
/** Then it checks for zombies, which a parent that does not reap (Node as pid 1 in a container) leaves for ever. */
const FIRST_ZOMBIE_CHECK = 30;

/** Signals all members of a group; false when there is none any more. 0 only asks. */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  // kill(-1) would signal every process.
  if (!Number.isInteger(pgid) || pgid < 2) return false;
  try {
    kill(-pgid, signal);
    return true;
  } catch (error) {
    // EPERM: there are members, and all of them run as another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Kills the process that had this pid and this start time; false when that one no longer runs, or may not be killed. */
export function killProcess(pid: number, started: string): boolean {
  // Read here and not earlier: the pid may belong to another process by now.
  const stat = processStat(pid);
  if (pid < 2 || !runs(stat) || stat.started !== started) return false;
  try {
    kill(pid, 'SIGKILL');
    return true;
  } catch {
    // ESRCH: it has just ended. EPERM: it runs as another user. Who calls this sees whether it is still there.
    return false;
  }
}

/** Resolves when no member of the group runs any more, however long that takes. Sends nothing. */
export async function groupEnded(pgid: number): Promise<void> {
  let waited = 0;
  let nextZombieCheck = FIRST_ZOMBIE_CHECK;
  for (let pause = FIRST_CHECK; signalGroup(pgid, 0); pause = Math.min(pause * 2, SLOWEST_CHECK)) {
    if (waited >= nextZombieCheck) {
      if (await onlyZombies(pgid)) return;
      // This reads all of /proc: seldom while a command uses its grace.
      nextZombieCheck = waited * 2;
    }
    await delay(pause);
    waited += pause;
  }
}

/** True when /proc shows members of the group and all of them are zombies; false where there is no /proc. */
async function onlyZombies(pgid: number): Promise<boolean> {
  let zombies = 0;
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    // "pid (name, which may hold anything) state ppid pgrp …"
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(group) !== pgid) continue;
    if (state !== 'Z' && state !== 'X') return false;
    zombies += 1;
  }
  return zombies > 0;
}
