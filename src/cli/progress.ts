// What takes time, for somebody who looks on: a line that moves, on a terminal, taken away at the end. In a pipe, for cron
// and with --json there is nothing of it. On stderr: stdout belongs to the result.

export interface Progress {
  /** What somebody must know also where nothing moves: it goes to `plain` there. */
  say(text: string): void;
  /** What is being done now: for a terminal alone. */
  show(text: string): void;
}

export interface ProgressOptions {
  /** Nobody looks on, whatever the terminal says: with --json. */
  quiet: boolean;
  /** Where `say` goes when nothing moves; absent = nowhere. */
  plain?: (text: string) => void;
  /** All that was said stays below the title until the end, not only the last of it. */
  keep?: boolean;
}

/** Does the work and returns what it returned; its errors come through as they are. */
export async function withProgress<T>(
  title: string,
  { quiet, plain = () => {}, keep = false }: ProgressOptions,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const terminal = process.stderr;
  if (quiet || terminal.isTTY !== true || process.env.TERM === 'dumb') return work({ say: plain, show: () => {} });
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const processOutput = new ProcessOutput(terminal, terminal, { leaveEmptyLine: false });
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput });
  const results: T[] = [];
  const step = {
    title,
    task: async (_: unknown, task: { output: string }) => {
      const show = (text: string) => {
        task.output = text;
      };
      results.push(await work({ say: show, show }));
    },
    rendererOptions: { outputBar: keep ? Number.POSITIVE_INFINITY : true },
  };
  const rendererOptions = { logger, clearOutput: true, showErrorMessage: false };
  await new Listr([step], {
    renderer: 'default',
    registerSignalListeners: false,
    forceTTY: true,
    rendererOptions,
  }).run();
  return results[0] as T;
}
