// What the commands of one worker share.
import { CommandProcesses } from '../processes/command-processes.ts';
import { LeftoverReaper } from '../processes/leftover-reaper.ts';
import { ownMark } from '../processes/worker-mark.ts';
import { hideInherited } from './inherited-descriptors.ts';
import { findDeathSignal } from './program.ts';

export interface CommandHost {
  /** argv that ties the life of a command to this process (`findDeathSignal`); empty = not. */
  death_signal: string[];
  /** In the place of descriptors that a command would inherit (`hideInherited`). */
  hidden: ReadonlyArray<'ignore' | number>;
  /** Undefined where there is no /proc: then only process groups are ended. */
  processes: CommandProcesses | undefined;
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
  const mark = ownMark();
  const processes = mark === undefined ? undefined : new CommandProcesses(mark);
  const reaper = processes === undefined ? undefined : new LeftoverReaper({ processes, hidden, onWarning });
  await reaper?.start();
  // A round that fails is a fault of afd; commands run on without it.
  reaper?.finished.catch((error: unknown) => onWarning(`Leftover processes are not looked for any more: ${error}.`));
  const warnings: string[] = [];
  if (death_signal.length === 0) {
    const until = processes === undefined ? '' : ' for some seconds';
    warnings.push(
      `The program setpriv is not installed, so commands keep running${until} if this process is killed by SIGKILL.`,
    );
  }
  return { death_signal, hidden, processes, warnings, close: async () => reaper?.stop() };
}
