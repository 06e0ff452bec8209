// Processes that nobody answers for any more: their worker has died, or their attempt has ended. They are known by the stamps
// in the environment with which they began, and what they started by its descent from them.
import { setTimeout as delay } from 'node:timers/promises';
import { cleanText } from '../../domain/text/error-text.ts';
import { monotonic } from '../../runtime/clock.ts';
import { killProcess } from './process-group.ts';
import { pidNamespace, processIds, processStat, runs, userOf } from './process-table.ts';
import { readStamp, type Stamps, stampLives, stampsOf } from './worker-stamp.ts';

export interface Leftover {
  pid: number;
  started: string;
  name: string;
  task: string | undefined;
  /** The stamp of the worker to which it belonged. */
  worker: string;
}

export type Fits = (stamps: Stamps) => boolean;

/** Milliseconds between two rounds, in which what was killed ends. */
const PAUSE_MS = 20;
/** Milliseconds after which what was killed and still runs is left: it hangs in the kernel, or is another user's. */
const GIVE_UP_MS = 2000;
/** More are counted only. */
const MOST_NAMED = 10;

/** Fits what was started by a worker of this pid namespace that does not run any more. Made anew for each use. */
export function ofDeadWorkers(): Fits {
  const own = pidNamespace('self');
  // What is dead stays dead; what lives is not asked for each of its processes.
  const known = new Map<string, boolean>();
  return ({ worker }) => {
    let dead = known.get(worker);
    if (dead === undefined) {
      const stamp = readStamp(worker);
      dead = stamp !== undefined && stamp.namespace === own && !stampLives(stamp);
      known.set(worker, dead);
    }
    return dead;
  };
}

/**
 * Kills every process of this user (of any, if this is root) and pid namespace whose stamps fit, with what descends from it, until a scan of all processes
 * finds none (`scans` times in a row: one that forks while it is searched for may be missed once).
 */
export async function endLeftovers(fits: Fits, { scans = 1, giveUpMs = GIVE_UP_MS } = {}): Promise<Leftover[]> {
  const ended = new Map<string, Leftover>();
  const until = monotonic() + giveUpMs;
  for (let empty = 0; ; ) {
    const found = findLeftovers(fits);
    for (const one of found) if (killProcess(one.pid, one.started)) ended.set(`${one.pid}:${one.started}`, one);
    empty = found.length === 0 ? empty + 1 : 0;
    if (empty >= scans || monotonic() >= until) return [...ended.values()];
    await delay(PAUSE_MS);
  }
}

export function findLeftovers(fits: Fits): Leftover[] {
  const pids = processIds();
  const stamps = new Map(pids.map((pid) => [pid, stampsOf(pid)]));
  const fitting = new Map<number, Stamps>();
  for (const [pid, one] of stamps) if (one !== undefined && fits(one)) fitting.set(pid, one);
  if (fitting.size === 0) return [];
  const namespace = pidNamespace('self');
  const user = userOf('self');
  const found: Leftover[] = [];
  const stats = new Map(pids.map((pid) => [pid, processStat(pid)]));
  for (const [pid, stat] of stats) {
    const stamp = fitting.get(pid) ?? (stamps.get(pid) === undefined ? inherited(pid) : undefined);
    if (stamp === undefined || !runs(stat)) continue;
    // Handlers of a worker of root may run as other users; whose processes else may not be ended.
    if (pidNamespace(pid) !== namespace || (user !== 0 && userOf(pid) !== user)) continue;
    found.push({ pid, started: stat.started, name: stat.name, task: stamp.task, worker: stamp.worker });
  }
  return found;

  /** The stamps of the nearest ancestor that has some, if those fit. */
  function inherited(pid: number): Stamps | undefined {
    let at = stats.get(pid)?.parent ?? 0;
    // A circle is possible: the parents were not read at one instant.
    for (let steps = 0; at > 1 && steps < pids.length; steps += 1) {
      if (stamps.get(at) !== undefined) return fitting.get(at);
      at = stats.get(at)?.parent ?? 0;
    }
    return undefined;
  }
}

/** `2 processes: sleep (pid 123, task 7), sh (pid 124)`. */
export function namesOf(leftovers: Leftover[]): string {
  const named = leftovers.slice(0, MOST_NAMED).map(({ pid, name, task }) => {
    // A process chooses its own name and may have changed its environment.
    const of = task !== undefined && /^\d{1,20}$/.test(task) ? `, task ${task}` : '';
    return `${cleanText(name).replaceAll('\n', ' ')} (pid ${pid}${of})`;
  });
  const more = leftovers.length > MOST_NAMED ? `, and ${leftovers.length - MOST_NAMED} more` : '';
  return `${leftovers.length} ${leftovers.length === 1 ? 'process' : 'processes'}: ${named.join(', ')}${more}`;
}
