import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import type { CommandProcesses } from './command-processes.ts';
import { processStat, processUnits, runs } from './process-table.ts';

/** Milliseconds between two samples. */
const INTERVAL_MS = 500;
/** Milliseconds until the first sample of a command, and the shortest time between two: many commands end before the next. */
const FIRST_MS = 100;

/** What the samples of one attempt showed: all processes that the command has started, in whatever group or session. */
export interface TreeWatch {
  /** Largest physical memory in bytes; what processes share counts for each. Undefined = it was too short for a sample. */
  peak: number | undefined;
  /** Milliseconds of CPU time, as of the last sample. */
  cpuMs: number;
  close(): void;
}

interface Watched extends TreeWatch {
  onMemory(bytes: number): void;
  since: number;
}

/**
 * Measures the commands that run about twice a second, all in one scan, and nothing while none runs. A sample costs one scan of
 * the pids of the machine and 4 µs for each process of a command.
 */
export class TreeSampler extends Service {
  readonly #processes: CommandProcesses;
  readonly #watched = new Map<string, Watched>();
  readonly #scale = processUnits();
  #sampledAt = 0;
  #changed: (() => void) | undefined;

  constructor(processes: CommandProcesses) {
    super();
    this.#processes = processes;
  }

  /** `onMemory` is called at each sample with the memory in use. */
  watch(token: string, onMemory: (bytes: number) => void): TreeWatch {
    const watched: Watched = {
      ...{ peak: undefined, cpuMs: 0, since: monotonic(), onMemory },
      close: () => void (this.#watched.get(token) === watched && this.#watched.delete(token)),
    };
    this.#watched.set(token, watched);
    this.#changed?.();
    return watched;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    running();
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
      const pause = this.#dueAt() - monotonic();
      if (pause > 0)
        await (pause === Number.POSITIVE_INFINITY ? untilEither(signal, changed) : sleep(pause, signal, changed));
      else this.#sample();
    }
  }

  #dueAt(): number {
    if (this.#watched.size === 0) return Number.POSITIVE_INFINITY;
    let due = this.#sampledAt + INTERVAL_MS;
    for (const { peak, since } of this.#watched.values()) {
      if (peak === undefined) due = Math.min(due, Math.max(since, this.#sampledAt) + FIRST_MS);
    }
    return due;
  }

  #sample(): void {
    this.#processes.scan();
    const sums = new Map<string, { units: number; ticks: number }>();
    for (const { pid, started, token } of this.#processes.all()) {
      if (!this.#watched.has(token)) continue;
      const stat = processStat(pid);
      if (!runs(stat) || stat.started !== started) continue;
      const sum = sums.get(token) ?? { units: 0, ticks: 0 };
      sum.units += stat.residentUnits;
      // What a process has waited for counts there: the sum goes on when a child ends.
      sum.ticks += stat.cpuTicks + stat.childTicks;
      sums.set(token, sum);
    }
    const { residentBytes, ticksPerSecond } = this.#scale;
    for (const [token, { units, ticks }] of sums) {
      const watched = this.#watched.get(token);
      if (watched === undefined) continue;
      watched.peak = Math.max(watched.peak ?? 0, units * residentBytes);
      watched.cpuMs = Math.max(watched.cpuMs, (ticks / ticksPerSecond) * 1000);
      watched.onMemory(units * residentBytes);
    }
    this.#sampledAt = monotonic();
  }
}

async function untilEither(signal: AbortSignal, changed: Promise<void>): Promise<void> {
  let abort = () => {};
  const aborted = new Promise<void>((resolve) => {
    abort = resolve;
  });
  signal.addEventListener('abort', abort, { once: true });
  await Promise.race([changed, aborted]);
  signal.removeEventListener('abort', abort);
}
