// The threads in which a worker's module handlers run. Types that share a thread share their modules' state.
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { abortedOutcome } from '../aborted-outcome.ts';
import type { Attempt, Handler } from '../handler.ts';
import { HandlerThread, type HandlerThreadOptions } from './handler-thread.ts';
import type { ThreadModule } from './handler-thread-messages.ts';

/** How long what else runs in a thread that is to be ended may take to end by itself. */
const OTHERS_MS = 10_000;
/** Shorter pauses in answering are not worth another thread. */
const SILENT_MS = 5000;

export interface HandlerThreadsOptions {
  base_dir: string;
  /** Seconds that a handler may go on after its abort. */
  kill_grace: number;
  onWarning(message: string): void;
  /** For tests: other times, and a small heap. */
  more?: Partial<Pick<HandlerThreadOptions, 'graceMs' | 'othersMs' | 'silentMs' | 'heapMb'>>;
}

export class HandlerThreads {
  readonly #options: HandlerThreadsOptions;
  readonly #groups: Group[] = [];

  constructor(options: HandlerThreadsOptions) {
    this.#options = options;
  }

  /**
   * Starts a thread for these modules, and loads them there. A handler for each, in their order.
   * @throws AfdError E_HANDLER_MISSING, E_CONFIG
   */
  async load(modules: Array<ThreadModule & { timeout: number | undefined }>): Promise<Handler[]> {
    const { base_dir, kill_grace, onWarning, more } = this.#options;
    const plain = modules.map(({ task_type, module }) => ({ task_type, module }));
    const times = { graceMs: kill_grace * 1000, othersMs: OTHERS_MS, silentMs: SILENT_MS };
    const group = new Group({ modules: plain, base_dir, onWarning, ...times, ...more });
    this.#groups.push(group);
    await group.start();
    return modules.map(({ timeout }, n) => ({
      ...{ timeout, killable: true },
      execute: (attempt) => group.execute(n, attempt),
    }));
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    await Promise.all(this.#groups.map((group) => group.close()));
  }
}

/** The threads of one list of modules: one, and another for as long as that one does not answer. */
class Group {
  readonly #options: HandlerThreadOptions;
  #threads: HandlerThread[] = [];

  constructor(options: HandlerThreadOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return this.#another().ready;
  }

  async execute(module: number, attempt: Attempt): Promise<Outcome> {
    const aborted = attempt.aborted();
    if (aborted !== undefined) return abortedOutcome(aborted, attempt.task.timeout, '; the handler had not started');
    const thread = this.#threads.find((one) => one.usable) ?? this.#another();
    const outcome = await thread.execute(module, attempt);
    // The first one answers again.
    if (!thread.busy && thread !== this.#threads[0] && this.#threads[0]?.usable) void thread.end();
    return outcome;
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((one) => one.end()));
  }

  #another(): HandlerThread {
    const thread = new HandlerThread(this.#options);
    this.#threads.push(thread);
    void thread.gone.then(() => {
      this.#threads = this.#threads.filter((one) => one !== thread);
    });
    return thread;
  }
}
