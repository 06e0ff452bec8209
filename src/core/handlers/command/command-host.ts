// What the commands of one worker share.
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Service } from '../../runtime/service.ts';
import { AttemptGroups, type OpenedGroups } from '../processes/attempt-groups.ts';
import { CommandProcesses } from '../processes/command-processes.ts';
import { LeftoverReaper } from '../processes/leftover-reaper.ts';
import { ReapedCpu } from '../processes/reaped-cpu.ts';
import { TreeSampler } from '../processes/tree-sampler.ts';
import { ownStamp } from '../processes/worker-stamp.ts';
import { hideInherited } from './inherited-descriptors.ts';
import { findDeathSignal, findProgram } from './program.ts';
import { removeAbandonedFolders } from './work-folder.ts';

export interface CommandHost {
  /** argv that ties the life of a command to this process (`findDeathSignal`); empty = not. */
  death_signal: string[];
  /** In the place of descriptors that a command would inherit (`hideInherited`). */
  hidden: ReadonlyArray<'ignore' | number>;
  /** Undefined where there is no /proc: then only process groups are ended. */
  processes: CommandProcesses | undefined;
  /** Undefined where there is no /proc. */
  sampler: TreeSampler | undefined;
  reapedCpu: ReapedCpu | undefined;
  /** Undefined where no cgroup was delegated, or none is wanted: memory is sampled then. */
  groups: AttemptGroups | undefined;
}

export interface OpenCommandHost extends CommandHost {
  /** Sentences for an operator. */
  warnings: string[];
  /** How the memory of commands is limited, in a sentence; undefined = no limit was asked for, or a warning has said it. */
  limits: string | undefined;
  close(): Promise<void>;
}

export interface CommandHostOptions {
  /** Some command has a limit for its memory. */
  memory?: boolean;
}

/** `path`: in which programs are looked up. One per process: it ends what it does not know of. */
export async function openCommandHost(
  path: string | undefined,
  onWarning: (message: string) => void,
  { memory = false }: CommandHostOptions = {},
): Promise<OpenCommandHost> {
  const death_signal = await findDeathSignal(path);
  const hidden = hideInherited();
  const stamp = ownStamp();
  const warnings: string[] = stamp === undefined ? [] : await removeAbandonedFolders(stamp);
  const processes = stamp === undefined ? undefined : new CommandProcesses(stamp);
  // Before anything else starts: what this process starts later is in its leaf.
  const find = (name: string) => findProgram(name, '/', path);
  const opened = memory && stamp !== undefined ? await AttemptGroups.open({ stamp, find, onWarning }) : undefined;
  const groups = opened !== undefined && 'groups' in opened ? opened.groups : undefined;
  const services: Service[] = [];
  let sampler: TreeSampler | undefined;
  if (processes !== undefined) {
    sampler = new TreeSampler(processes);
    services.push(sampler, new LeftoverReaper({ processes, hidden, onWarning, cgroup: groups?.root }));
  }
  await Promise.all(services.map((one) => one.start()));
  for (const one of services) {
    // They read /proc and fail by a fault of afd alone. Commands run on without them.
    one.finished.catch((error: unknown) => onWarning(`${one.constructor.name} has ended: ${thrownText(error)}.`));
  }
  if (death_signal.length === 0) {
    const until = processes === undefined ? '' : ' for some seconds';
    warnings.push(
      `The program setpriv is not installed, so commands keep running${until} if this process is killed by SIGKILL.`,
    );
  }
  const reapedCpu = stamp === undefined ? undefined : new ReapedCpu();
  const close = async () => {
    await Promise.all(services.map((one) => one.stop()));
  };
  const limits = opened && limitsSentence(opened);
  return { death_signal, hidden, processes, sampler, reapedCpu, groups, limits, warnings, close };
}

function limitsSentence(opened: OpenedGroups): string | undefined {
  if ('why' in opened) return opened.why && `The memory of commands is sampled: ${opened.why}.`;
  return `The memory of commands is limited by the kernel: each attempt has its own cgroup in ${opened.groups.root}.`;
}
