import { mkdir } from 'node:fs/promises';
import { codeOf, numberIn, readValue, writeIfThere, writeValue } from './cgroup-files.ts';
import { emptyGroup, removeSoon } from './end-group.ts';

/** What the kernel counted for an attempt: of all processes in its group, also of those that were too short for a sample. */
export interface GroupFigures {
  /** Bytes, with what the kernel keeps of files for them; undefined before Linux 5.19. */
  peak: number | undefined;
  cpuMs: number | undefined;
  /** It was killed because it needed more than its own limit. */
  overLimit: boolean;
  /** Processes of it that the kernel killed for want of memory, its own limit's or anybody's. */
  oomKills: number;
}

/** The control group of one attempt: nothing that it starts can leave it by a session of its own. */
export class AttemptGroup {
  readonly dir: string;
  readonly #leaf: string;

  private constructor(dir: string, leaf: string) {
    this.dir = dir;
    this.#leaf = leaf;
  }

  /** `memory`: bytes. `leaf`: where what may outlive the attempt goes. @throws what the kernel answers; nothing is left then */
  static async make(dir: string, memory: number, leaf: string): Promise<AttemptGroup> {
    await mkdir(dir);
    try {
      await writeValue(dir, 'memory.max', memory);
      await writeIfThere(dir, 'memory.swap.max', 0);
      await writeIfThere(dir, 'memory.oom.group', 1);
    } catch (error) {
      await removeSoon(dir);
      throw error;
    }
    return new AttemptGroup(dir, leaf);
  }

  /** Before the process does anything of its own. @throws what the kernel answers, but not when it has ended */
  async enter(pid: number): Promise<void> {
    await writeValue(this.dir, 'cgroup.procs', pid).catch((error: unknown) => {
      if (codeOf(error) !== 'ESRCH') throw error;
    });
  }

  /** Ends what runs in it. @throws what the kernel answers */
  async empty(): Promise<void> {
    await emptyGroup(this.dir, this.#leaf);
  }

  /** What was counted. Never rejects. */
  async read(): Promise<GroupFigures> {
    const [events, peak, cpu] = await Promise.all(
      ['memory.events', 'memory.peak', 'cpu.stat'].map((name) => readValue(this.dir, name)),
    );
    const oomKills = numberIn(events!, 'oom_kill') ?? 0;
    const usec = numberIn(cpu!, 'usage_usec');
    return {
      peak: /^\d+$/.test(peak!.trim()) ? Number(peak) : undefined,
      cpuMs: usec === undefined ? undefined : usec / 1000,
      // `oom` counts where the limit was reached: for a limit further up it stays 0 here.
      overLimit: oomKills > 0 && (numberIn(events!, 'oom') ?? 0) > 0,
      oomKills,
    };
  }

  /** When nothing runs in it. @throws what the kernel answers */
  remove(): Promise<void> {
    return removeSoon(this.dir);
  }
}
