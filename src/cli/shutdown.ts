// The only signal handlers of afd. Core sees two AbortSignals and never a process.
import { endNow } from './end-process.ts';

export interface Shutdown {
  /** Aborted by the first SIGTERM, SIGINT or SIGHUP (the terminal is gone): stop claiming, finish what runs. */
  drain: AbortSignal;
  /** Aborted by the second signal: release all tasks at once. */
  force: AbortSignal;
  /** The last signal received; undefined before the first. */
  readonly signalName: StopSignal | undefined;
  /** 0 if all tasks were finished or released in time; else 143 (SIGTERM), 130 (SIGINT) or 129 (SIGHUP). */
  exitCode(result: { inTime: boolean }): number;
  /** Removes the handlers. */
  dispose(): void;
}

/** By signal: the exit code of a process that it ended. */
const CODES = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;
type StopSignal = keyof typeof CODES;
const SIGNALS = Object.keys(CODES) as StopSignal[];

interface Signals extends Pick<NodeJS.Process, 'on' | 'off'> {
  exit(code: number): void;
}

/** Installs the handlers. A third signal ends the process at once. */
export function shutdownSignals(
  target: Signals = { on: process.on.bind(process), off: process.off.bind(process), exit: endNow } as Signals,
): Shutdown {
  const drain = new AbortController();
  const force = new AbortController();
  let last: Shutdown['signalName'];
  const code = () => CODES[last ?? 'SIGTERM'];
  const receive = (name: NodeJS.Signals) => {
    last = name as StopSignal;
    if (!drain.signal.aborted) drain.abort(name);
    else if (!force.signal.aborted) force.abort(name);
    else target.exit(code());
  };
  for (const name of SIGNALS) target.on(name, receive);
  return {
    drain: drain.signal,
    force: force.signal,
    get signalName() {
      return last;
    },
    exitCode: ({ inTime }) => (last === undefined || (inTime && !force.signal.aborted) ? 0 : code()),
    dispose() {
      for (const name of SIGNALS) target.off(name, receive);
    },
  };
}
