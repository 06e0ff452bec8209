// The control groups of the attempts of one worker: where its own group was delegated to it.
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { AttemptGroup } from './attempt-group.ts';
import { codeOf, readValue, writeValue } from './cgroup-files.ts';
import { endStrays, LEAF } from './end-group.ts';
import { type Find, findDelegation } from './own-cgroup.ts';
import { ownPid } from './own-process.ts';
import { processStat } from './process-table.ts';

export interface AttemptGroupsOptions {
  /** `ownStamp()`. */
  stamp: string;
  find: Find;
  onWarning(message: string): void;
}

/** `why`: half a sentence, where nobody delegated a group; undefined: one was, and a warning has said why it is not used. */
export type OpenedGroups = { groups: AttemptGroups } | { why: string | undefined };

/** What follows when the kernel refuses a step. */
export const SAMPLED = 'the memory of commands is sampled';
export const LEFT = 'a cgroup stays until a worker starts here again';

/** Holds a command until its process is in its group: it goes on when it has read a line, and ends when its worker has. */
const HOLD_SCRIPT = 'read -r AFD_HOLD && exec "$@"';

export class AttemptGroups {
  /** The group that was delegated. */
  readonly root: string;
  /** argv in front of a command. It waits for a line on stdin. */
  readonly hold: string[];
  readonly #options: AttemptGroupsOptions;
  /** False before Linux 5.19: the peak is sampled then. */
  countsPeak = true;
  #made = 0;
  #warned = false;

  private constructor(root: string, shell: string, options: AttemptGroupsOptions) {
    this.root = root;
    this.hold = [shell, '-c', HOLD_SCRIPT, 'afd-hold'];
    this.#options = options;
  }

  /** The group of this process and of what runs beside its attempts. */
  get leaf(): string {
    return join(this.root, LEAF);
  }

  /** Moves this process into a leaf of its group, and ends what an earlier worker left in the others. Never rejects. */
  static async open(options: AttemptGroupsOptions): Promise<OpenedGroups> {
    const shell = await options.find('sh');
    if ('problem' in shell) return { why: shell.problem };
    const delegation = await findDelegation(options.find);
    if ('why' in delegation) return delegation;
    const groups = new AttemptGroups(delegation.root, shell.file, options);
    try {
      await groups.#takeOver();
      return { groups };
    } catch (error) {
      groups.#warn(error, SAMPLED);
      return { why: undefined };
    }
  }

  /** Undefined, with one warning for all of them, when the kernel refuses: the attempt is sampled then. `memory`: bytes. */
  async make(name: string, memory: number): Promise<AttemptGroup | undefined> {
    this.#made += 1;
    // The number: one attempt may be given back and claimed again. The stamp: `endStrays` finds its worker by it.
    const dir = join(this.root, `${name}.${this.#made}@${this.#options.stamp}`);
    return this.tried(AttemptGroup.make(dir, memory, this.leaf), SAMPLED);
  }

  /** Undefined, with a warning, in place of what the kernel refuses. */
  async tried<T>(step: Promise<T>, so: string): Promise<T | undefined> {
    try {
      return await step;
    } catch (error) {
      this.#warn(error, so);
      return undefined;
    }
  }

  async #takeOver(): Promise<void> {
    const { root, leaf } = this;
    const others = await ownPids(root);
    if (others.some((pid) => pid !== ownPid)) throw new Error(`${root} has other processes too: ${named(others)}`);
    const made = await mkdir(leaf).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
        return false;
      },
    );
    try {
      await writeValue(leaf, 'cgroup.procs', ownPid);
      await writeValue(root, 'cgroup.subtree_control', '+memory');
      const strays = await endStrays(root);
      const ended = strays.reduce((sum, one) => sum + one.ended, 0);
      if (ended > 0) {
        const what = ended === 1 ? '1 process' : `${ended} processes`;
        this.#options.onWarning(`Ended ${what} in the cgroups of a worker that died.`);
      }
      // Whether one can be made is known now, not when the first command starts.
      const trial = await AttemptGroup.make(join(root, `trial@${this.#options.stamp}`), 1024 ** 2, leaf);
      this.countsPeak = (await trial.read()).peak !== undefined;
      await trial.remove();
    } catch (error) {
      if (others.includes(ownPid)) {
        await writeValue(root, 'cgroup.subtree_control', '-memory').catch(() => {});
        await writeValue(root, 'cgroup.procs', ownPid).catch(() => {});
      }
      if (made) await rmdir(leaf).catch(() => {});
      throw error;
    }
  }

  #warn(error: unknown, so: string): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.onWarning(`The cgroup ${this.root} cannot be used for an attempt, so ${so}: ${thrownText(error)}.`);
  }
}

async function ownPids(dir: string): Promise<number[]> {
  return (await readValue(dir, 'cgroup.procs'))
    .split('\n')
    .filter((line) => /^\d+$/.test(line))
    .map(Number);
}

function named(pids: number[]): string {
  const names = pids.filter((pid) => pid !== ownPid).map((pid) => `${processStat(pid)?.name ?? '?'} (pid ${pid})`);
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
}
