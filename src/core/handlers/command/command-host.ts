// What the commands of one worker share.
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Service } from '../../runtime/service.ts';
import { CommandProcesses } from '../processes/command-processes.ts';
import { LeftoverReaper } from '../processes/leftover-reaper.ts';
import { ReapedCpu } from '../processes/reaped-cpu.ts';
import { TreeSampler } from '../processes/tree-sampler.ts';
import { ownStamp } from '../processes/worker-stamp.ts';
import { hideInherited } from './inherited-descriptors.ts';
import { findDeathSignal } from './program.ts';
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
}

export interface OpenCommandHost extends CommandHost {
  /** Sentences for an operator. */
  warnings: string[];
  close(): Promise<void>;
}

/** `path`: in which programs are looked up. One per process: it ends what it does not know of. */
export async function openCommandHost(
  path: string | undefined,
  onWarning: (message: string) => void,
): Promise<OpenCommandHost> {
  const death_signal = await findDeathSignal(path);
  const hidden = hideInherited();
  const stamp = ownStamp();
  const warnings: string[] = stamp === undefined ? [] : await removeAbandonedFolders(stamp);
  const processes = stamp === undefined ? undefined : new CommandProcesses(stamp);
  const services: Service[] = [];
  let sampler: TreeSampler | undefined;
  if (processes !== undefined) {
    sampler = new TreeSampler(processes);
    services.push(sampler, new LeftoverReaper({ processes, hidden, onWarning }));
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
  return { death_signal, hidden, processes, sampler, reapedCpu, warnings, close };
}
