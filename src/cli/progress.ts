// Progress of long operations: a moving line on a terminal, removed at the end. In a pipe, from cron
// and with --json it is not shown. It goes to stderr, because stdout is reserved for the result.

export interface Progress {
  /** A sentence that must also be printed where no progress is shown: there it goes to `plain`. */
  say(text: string): void;
  /** The current step, for a terminal only. */
  show(text: string): void;
}

export interface ProgressOptions {
  /** Show no progress, even on a terminal: with --json. */
  quiet: boolean;
  /** Where `say` goes when no progress is shown; absent = nowhere. */
  plain?: (text: string) => void;
  /** Keep all sentences below the title until the end, not only the last one. */
  keep?: boolean;
  /** Default: stderr, since stdout is reserved for the result. */
  terminal?: NodeJS.WriteStream;
  /** `TERM` of the terminal; default: that of the environment. */
  term?: string | undefined;
}

/** Does the work and returns what it returned; its errors come through as they are. */
export async function withProgress<T>(
  title: string,
  { quiet, plain = () => {}, keep = false, terminal = process.stderr, term = process.env.TERM }: ProgressOptions,
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  if (quiet || terminal.isTTY !== true || term === 'dumb') return work({ say: plain, show: () => {} });
  const { DefaultRenderer, Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const processOutput = new ProcessOutput(terminal, terminal, { leaveEmptyLine: false });
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput });
  // listr2 asks whether stdout is a terminal; its forceTTY would make the whole process take a pipe for one.
  class OnTerminal extends DefaultRenderer {
    static override nonTTY = true;
  }
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
    renderer: OnTerminal,
    registerSignalListeners: false,
    rendererOptions,
  }).run();
  return results[0] as T;
}
