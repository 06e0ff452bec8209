import type { Outcome } from '../../domain/attempt/outcome.ts';
import { Service, untilAborted } from '../../runtime/service.ts';
import { abortedOutcome } from '../aborted-outcome.ts';
import type { Attempt, Handler } from '../handler.ts';
import type { HandlerFolders } from '../module-folders.ts';
import { HandlerThread, type HandlerThreadOptions } from './handler-thread.ts';
import type { ThreadModule } from './handler-thread-messages.ts';

/** How long what else runs in a thread that is to be ended may take to end by itself. */
const OTHERS_MS = 10_000;
/** Shorter pauses in answering are not worth another thread. */
const SILENT_MS = 5000;

export interface HandlerThreadsOptions {
  /** `timeout`: seconds; undefined = the fleet's. */
  modules: Array<ThreadModule & { timeout: number | undefined }>;
  base_dir: string;
  folders?: HandlerFolders | undefined;
  /** Seconds that a handler may go on after its abort. */
  kill_grace: number;
  onWarning(message: string): void;
  logOf: HandlerThreadOptions['logOf'];
  /** For tests: other times, and a small heap. */
  more?: Partial<Pick<HandlerThreadOptions, 'graceMs' | 'othersMs' | 'silentMs' | 'heapMb'>>;
}

/**
 * Runs a list of modules, which share their state: in one thread, and in another for as long as that one does not answer.
 * It runs when the modules are loaded. @throws (start) AfdError E_HANDLER_MISSING, E_CONFIG
 */
export class HandlerThreads extends Service {
  /** One for each module, in their order; only to be used while this runs. */
  readonly handlers: Handler[];
  readonly #options: HandlerThreadOptions;
  #threads: HandlerThread[] = [];

  constructor({ modules, base_dir, folders, kill_grace, onWarning, logOf, more }: HandlerThreadsOptions) {
    super();
    const plain = modules.map(({ task_type, module }) => ({ task_type, module }));
    const times = { graceMs: kill_grace * 1000, othersMs: OTHERS_MS, silentMs: SILENT_MS };
    this.#options = { modules: plain, base_dir, folders, onWarning, logOf, ...times, ...more };
    this.handlers = modules.map(({ timeout }, n) => ({
      ...{ timeout, killable: true },
      execute: (attempt) => this.#execute(n, attempt),
    }));
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const first = this.#another();
    const stopped = untilAborted(signal).then(() => Promise.all(this.#threads.map((one) => one.stop())));
    try {
      await first.start();
      running();
    } catch (error) {
      // It is the stop that ended the loading.
      if (!signal.aborted) throw error;
    }
    await stopped;
  }

  async #execute(module: number, attempt: Attempt): Promise<Outcome> {
    const aborted = attempt.aborted();
    if (aborted !== undefined) return abortedOutcome(aborted, attempt.task.timeout, '; the handler had not started');
    const thread = this.#threads.find((one) => one.usable) ?? this.#another();
    const outcome = await thread.execute(module, attempt);
    // The first one answers again.
    if (!thread.busy && thread !== this.#threads[0] && this.#threads[0]?.usable) void thread.stop();
    return outcome;
  }

  #another(): HandlerThread {
    const thread = new HandlerThread(this.#options);
    this.#threads.push(thread);
    void thread.start();
    const forget = () => {
      this.#threads = this.#threads.filter((one) => one !== thread);
    };
    // Why it ended is in the outcomes of its attempts.
    thread.finished.then(forget, forget);
    return thread;
  }
}
