// Ends a process of afd even if a timer of a handler, a connection or a thread would keep Node alive.

/** Node's own: a worker's is not to be called by handlers (cli/handler-faults.ts). */
const exit = process.exit.bind(process);
/** Milliseconds to wait until the output is flushed. */
const FLUSH_MS = 2000;

/** Without a code: with `process.exitCode`, which an undefined one would undo. */
export function endNow(code?: number): never {
  return code === undefined ? exit() : exit(code);
}

/** Flushes the output, then ends this process with its current exit code. */
export async function endProcess(): Promise<never> {
  const flushed = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
  );
  await Promise.race([Promise.all(flushed), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  return endNow();
}

/** How long a node may take to end, in milliseconds: after the first signal, and after a second one. */
export interface EndLimits {
  asked: number;
  forced: number;
}

/**
 * Ends the process if a node has not ended by itself in time. `tell` logs a sentence. Returns a function that cancels this.
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
