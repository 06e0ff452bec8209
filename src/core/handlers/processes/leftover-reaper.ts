import { thrownText } from '../../domain/text/thrown-text.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import type { CommandProcesses } from './command-processes.ts';
import { LeftoverGuard } from './leftover-guard.ts';
import { endLeftovers, type Fits, namesOf, ofDeadWorkers } from './leftovers.ts';

const MINUTE_MS = 60_000;

export interface LeftoverReaperOptions {
  /** Of this worker. */
  processes: CommandProcesses;
  /** In the place of descriptors that the guard would inherit (`hideInherited`). */
  hidden: ReadonlyArray<'ignore' | number>;
  onWarning(message: string): void;
  /** In which the attempts of this worker have their cgroups. */
  cgroup?: string | undefined;
  /** Milliseconds between two rounds; a minute. */
  intervalMs?: number;
  /** What counts as left by another worker; made for each round. A test takes only what is its own. */
  ofOthers?: () => Fits;
}

/**
 * Ends what workers of this machine that have died left behind, at its start and each minute, and what commands of its own
 * worker have left. Its guard does so when this worker dies and nobody starts it again.
 */
export class LeftoverReaper extends Service {
  readonly #options: LeftoverReaperOptions;
  #guard: LeftoverGuard | undefined;

  constructor(options: LeftoverReaperOptions) {
    super();
    this.#options = options;
  }

  /** The pid of its guard; 0 = it has none. */
  get guard(): number {
    return this.#guard?.alive === true ? this.#guard.pid : 0;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const { processes, intervalMs = MINUTE_MS } = this.#options;
    try {
      await this.#round();
      running();
      while (!signal.aborted) {
        await sleep(intervalMs, signal);
        if (!signal.aborted) await this.#round();
      }
    } finally {
      // What still runs at the end of a worker that could not wait is left to the guard.
      if (processes.running === 0) await this.#guard?.close();
    }
  }

  async #round(): Promise<void> {
    const { processes, onWarning, ofOthers = ofDeadWorkers } = this.#options;
    await this.#keepGuard();
    const isLeft = ofOthers();
    const ended = await endLeftovers((stamps) => processes.escaped(stamps) || isLeft(stamps));
    processes.forget();
    const own = ended.filter(({ worker }) => worker === processes.stamp);
    const others = ended.filter(({ worker }) => worker !== processes.stamp);
    if (others.length > 0) onWarning(`Ended what a worker that died had left running: ${namesOf(others)}.`);
    if (own.length > 0) onWarning(`Ended what commands had left running after their attempts: ${namesOf(own)}.`);
  }

  async #keepGuard(): Promise<void> {
    const { processes, hidden, onWarning, cgroup } = this.#options;
    if (this.#guard?.alive === true) return;
    if (this.#guard !== undefined) onWarning('The guard of this worker has ended; it is started again.');
    try {
      this.#guard = await LeftoverGuard.open(processes.stamp, hidden, cgroup);
    } catch (error) {
      onWarning(
        `The guard cannot be started, so what commands start may keep running if this process is killed by SIGKILL: ${thrownText(error)}`,
      );
    }
  }
}
