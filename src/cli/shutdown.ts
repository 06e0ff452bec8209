// The only signal handlers of afd. Core sees two AbortSignals and never a process.

export interface Shutdown {
  /** Aborted by the first SIGTERM or SIGINT: stop claiming, finish what runs. */
  drain: AbortSignal;
  /** Aborted by the second: give everything back at once. */
  force: AbortSignal;
  /** The last signal that came, undefined while none has. */
  readonly signalName: 'SIGTERM' | 'SIGINT' | undefined;
  /** 0 when everything was finished or released in time; else 143 (SIGTERM) or 130 (SIGINT). */
  exitCode(result: { inTime: boolean }): number;
  /** Takes the handlers away again. */
  dispose(): void;
}

type Signals = Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;

/** Installs the handlers. A third signal ends the process at once. */
export function shutdownSignals(target: Signals = process): Shutdown {
  const drain = new AbortController();
  const force = new AbortController();
  let last: Shutdown['signalName'];
  const code = () => (last === 'SIGINT' ? 130 : 143);
  const receive = (name: NodeJS.Signals) => {
    last = name as 'SIGTERM' | 'SIGINT';
    if (!drain.signal.aborted) drain.abort(name);
    else if (!force.signal.aborted) force.abort(name);
    else target.exit(code());
  };
  target.on('SIGTERM', receive);
  target.on('SIGINT', receive);
  return {
    drain: drain.signal,
    force: force.signal,
    get signalName() {
      return last;
    },
    exitCode: ({ inTime }) => (last === undefined || (inTime && !force.signal.aborted) ? 0 : code()),
    dispose() {
      target.off('SIGTERM', receive);
      target.off('SIGINT', receive);
    },
  };
}

/**
 * A promise that a handler module forgot about and that rejects would end Node, and every other task with it: it is
 * reported instead. Returns the way to stop.
 */
export function reportStrayRejections(report: (message: string) => void): () => void {
  const listener = (reason: unknown) =>
    report(
      `a promise was rejected that nobody waits for (a handler's?): ${reason instanceof Error ? reason.message : String(reason)}`,
    );
  process.on('unhandledRejection', listener);
  return () => process.off('unhandledRejection', listener);
}
