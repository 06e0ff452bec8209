import { AfdError } from '../domain/errors.ts';
import { type FileStates, handlerFile, nextChange, statesOf, withNeighbours } from './handler-files.ts';
import type { HandlerRun } from './handler-run.ts';
import { handlerToRun } from './handler-to-run.ts';
import { type RunOnceOptions, runOnce } from './run-once.ts';

export interface WatchTeller {
  ended(run: HandlerRun): void;
  /** It could not be loaded. */
  failed(error: AfdError): void;
  waiting(file: string): void;
  changed(name: string): void;
}

/**
 * Runs a handler, and again whenever its file or one beside it changes, until `stop` is aborted; returns the last run. While it
 * runs only its own file counts, since a handler may write beside itself; that change ends the run.
 * @throws AfdError E_USAGE: there is nothing to watch
 */
export async function watchHandler(
  options: Omit<RunOnceOptions, 'anew'>,
  tell: WatchTeller,
): Promise<HandlerRun | undefined> {
  const { resolved, task, stop } = options;
  const file = await handlerFile(task.task_type, handlerToRun(resolved.config, task.task_type), resolved.baseDir);
  // One listener of `stop`, however often the handler runs.
  let ending: AbortController[] = [];
  const end = () => {
    for (const one of ending) one.abort();
  };
  stop.addEventListener('abort', end, { once: true });
  for (;;) {
    const before = await statesOf([file]);
    const [run, watch] = [new AbortController(), new AbortController()];
    ending = [run, watch];
    if (stop.aborted) run.abort();
    const during = nextChange(() => statesOf([file]), before, watch.signal).then((name) => {
      if (name !== undefined) run.abort();
      return name;
    });
    let last: HandlerRun | undefined;
    try {
      last = await runOnce({ ...options, stop: run.signal, anew: true });
      tell.ended(last);
    } catch (error) {
      if (!(error instanceof AfdError)) throw error;
      tell.failed(error);
    } finally {
      watch.abort();
    }
    const name = (await during) ?? (await afterwards(file, before, options, tell));
    if (stop.aborted || name === undefined) return last;
    tell.changed(name);
  }
}

async function afterwards(
  file: string,
  before: FileStates,
  { stop }: Pick<RunOnceOptions, 'stop'>,
  tell: WatchTeller,
): Promise<string | undefined> {
  if (stop.aborted) return undefined;
  // What the run wrote beside the file is no change; one of the file itself is, also during the run.
  const now = new Map([...(await withNeighbours(file)), ...before]);
  tell.waiting(file);
  return nextChange(() => withNeighbours(file), now, stop);
}
