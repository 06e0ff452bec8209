// How a process of afd ends, whatever else in it would keep Node alive: a handler's timer, a connection, a thread.

/** Node's own: a worker's is not to be called by handlers (cli/handler-faults.ts). */
const exit = process.exit.bind(process);
/** Milliseconds for what was printed to leave. */
const FLUSH_MS = 2000;

/** Without a code: with `process.exitCode`, which an undefined one would undo. */
export function endNow(code?: number): never {
  return code === undefined ? exit() : exit(code);
}

/** Ends this process with the exit code that it has, once what was printed is out. */
export async function endProcess(): Promise<never> {
  const flushed = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
  );
  await Promise.race([Promise.all(flushed), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  return endNow();
}

/** When a node that was asked to end must have ended: milliseconds after that, and after a second signal. */
export interface EndLimits {
  asked: number;
  forced: number;
}

/**
 * Ends the process when a node has not ended by itself in time. `tell`: a sentence for the log. Returns the way to stop.
 */
export function endInTime(
  signals: { asked: AbortSignal; forced: AbortSignal },
  limits: EndLimits,
  ending: { code(): number; tell(message: string): void; exit?: (code: number) => void },
): () => void {
  const timers: NodeJS.Timeout[] = [];
  const arm = (signal: AbortSignal, ms: number) => {
    const start = () => timers.push(setTimeout(() => end(ms), ms));
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
    return () => signal.removeEventListener('abort', start);
  };
  const end = (ms: number) => {
    const code = ending.code();
    ending.tell(
      `this process did not stop within ${ms / 1000} s of the signal, so it exits now with code ${code}; the leader will take back the tasks that it still holds`,
    );
    (ending.exit ?? endNow)(code);
  };
  const off = [arm(signals.asked, limits.asked), arm(signals.forced, limits.forced)];
  return () => {
    for (const one of off) one();
    for (const timer of timers) clearTimeout(timer);
  };
}
