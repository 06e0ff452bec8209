// The processes of the commands that this worker runs, by the claim token of their attempt, in whatever group or session.
import { endLeftovers, type Leftover } from './leftovers.ts';
import { pidNamespace, processIds, processStat, runs } from './process-table.ts';
import { type Stamps, stampsOf } from './worker-stamp.ts';

export interface CommandProcess {
  pid: number;
  started: string;
  token: string;
}

/**
 * A scan reads only what was not there at the scan before, so that it can follow each of thousands of short commands: with 1,000
 * processes on the machine it takes 0.4 ms, and reading all of their environments 15 ms. A pid that another process took over
 * between two scans is missed until `forget()`, which the reaper calls each minute.
 */
export class CommandProcesses {
  readonly stamp: string;
  readonly #namespace = pidNamespace('self');
  /** By pid; undefined = of no command of this worker. */
  #seen = new Map<number, CommandProcess | undefined>();
  readonly #running = new Set<string>();

  /** `stamp`: `ownStamp()`. */
  constructor(stamp: string) {
    this.stamp = stamp;
  }

  /** Before the command of this attempt is started. */
  began(token: string): void {
    this.#running.add(token);
  }

  /** Attempts whose commands run. */
  get running(): number {
    return this.#running.size;
  }

  /** Nothing of it may run any more. */
  over(token: string): void {
    this.#running.delete(token);
  }

  /** Ends what the command of an attempt has left outside its process group, and returns it. */
  async end(token: string): Promise<Leftover[]> {
    this.scan();
    if (this.#alive(token).length === 0) return [];
    return endLeftovers((stamps) => stamps.worker === this.stamp && stamps.token === token);
  }

  /** True for what has escaped the end of its attempt. */
  escaped({ worker, token }: Stamps): boolean {
    return worker === this.stamp && !this.#running.has(token);
  }

  /** Every process of every attempt as of the last scan, ended or not. */
  *all(): Generator<CommandProcess> {
    for (const one of this.#seen.values()) if (one !== undefined) yield one;
  }

  /** Learns of the processes that are new. */
  scan(): void {
    const before = this.#seen;
    this.#seen = new Map();
    // Rising: a parent mostly comes before its children.
    for (const pid of processIds()) this.#seen.set(pid, before.has(pid) ? before.get(pid) : this.#judge(pid));
  }

  /** The next scan reads all of them. */
  forget(): void {
    this.#seen = new Map();
  }

  #alive(token: string): CommandProcess[] {
    return [...this.all()].filter((one) => {
      if (one.token !== token) return false;
      const stat = processStat(one.pid);
      return runs(stat) && stat.started === one.started && stampsOf(one.pid)?.worker !== '';
    });
  }

  #judge(pid: number): CommandProcess | undefined {
    const stamps = stampsOf(pid);
    if (stamps !== undefined && stamps.worker !== this.stamp) return undefined;
    const stat = processStat(pid);
    const token = stamps === undefined ? this.#seen.get(stat?.parent ?? 0)?.token : stamps.token;
    if (stat === undefined || token === undefined || pidNamespace(pid) !== this.#namespace) return undefined;
    return { pid, started: stat.started, token };
  }
}
