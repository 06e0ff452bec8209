import type { Outcome } from '../../domain/attempt/outcome.ts';
import { Service, untilAborted } from '../../runtime/service.ts';
import { abortedOutcome } from '../aborted-outcome.ts';
import type { Environment } from '../command/command-environment.ts';
import type { HandlerUser } from '../command/handler-user.ts';
import type { Attempt, Handler } from '../handler.ts';
import type { HandlerFolders } from '../module-folders.ts';
import type { PlaceListener } from '../thread/pass-on.ts';
import { HandlerProcess, type HandlerProcessOptions, type Recycle } from './handler-process.ts';

/** A module that runs in processes. */
export interface ProcessModule {
  task_type: string;
  /** Path, relative to `base_dir`. */
  module: string;
  /** Seconds; undefined = the fleet's. */
  timeout: number | undefined;
  env: Environment;
  /** Absolute. */
  cwd: string;
  recycle: Recycle;
  /** As whom its processes run; undefined = as the worker. */
  user?: HandlerUser | undefined;
}

export interface HandlerProcessesOptions extends PlaceListener {
  modules: ProcessModule[];
  base_dir: string;
  folders?: HandlerFolders | undefined;
  /** Seconds that a handler may go on after its abort, and that cleaning up may take. */
  kill_grace: number;
  /** Processes that stay, at most: the slots of the worker. */
  most: number;
  death_signal: string[];
  hidden: ReadonlyArray<'ignore' | number>;
}

/**
 * Runs modules in processes: each attempt has one to itself, and one that has ended its attempt stays for the next of its
 * type. At most `most` stay: for another type the one that has been idle for the longest time is ended. It runs when every
 * module has been loaded once. @throws (start) AfdError E_HANDLER_MISSING, E_CONFIG
 */
export class HandlerProcesses extends Service {
  /** By task type; only to be used while this runs. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly #options: HandlerProcessesOptions;
  /** The one that was used last is the last. */
  #processes: HandlerProcess[] = [];
  #stopping = false;

  constructor(options: HandlerProcessesOptions) {
    super();
    this.#options = options;
    this.handlers = new Map(
      options.modules.map((one) => [
        one.task_type,
        { timeout: one.timeout, killable: true, execute: (attempt) => this.#execute(one, attempt) },
      ]),
    );
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const stopped = untilAborted(signal).then(() => this.#stopAll());
    try {
      await this.#loadAll(signal);
      running();
    } catch (error) {
      // Otherwise it is the stop that ended the loading.
      if (!signal.aborted) {
        await this.#stopAll();
        throw error;
      }
    }
    await stopped;
  }

  async #stopAll(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#processes.map((one) => one.stop()));
  }

  /** So that a module that cannot be loaded ends the start, and the first tasks find a process. */
  async #loadAll(signal: AbortSignal): Promise<void> {
    const { modules, most } = this.#options;
    for (let n = 0; n < modules.length && !signal.aborted; n += most) {
      await Promise.all(modules.slice(n, n + most).map((one) => this.#another(one).start()));
    }
  }

  async #execute(module: ProcessModule, attempt: Attempt): Promise<Outcome> {
    const aborted = attempt.aborted();
    if (aborted !== undefined) return abortedOutcome(aborted, attempt.task.timeout, '; the handler had not started');
    const { task_type } = module;
    const home = this.#processes.findLast((one) => one.free && one.task_type === task_type) ?? this.#another(module);
    const outcome = await home.execute(attempt);
    if (!this.#processes.includes(home)) return outcome;
    this.#processes = this.#processes.filter((one) => one !== home);
    this.#processes.push(home);
    // It is replaced now, not when somebody waits for it.
    if (home.retired && !this.#stopping) this.#another(module);
    return outcome;
  }

  #another({ task_type, module, env, cwd, recycle, user }: ProcessModule): HandlerProcess {
    const { base_dir, folders, kill_grace, most, death_signal, hidden, onWarning, logOf } = this.#options;
    const staying = this.#processes.filter((one) => !one.leaving);
    if (staying.length >= most) staying.find((one) => one.free)?.leave();
    const graceMs = kill_grace * 1000;
    const options: HandlerProcessOptions = {
      ...{ task_type, module, base_dir, folders, env, cwd, recycle, user, graceMs, cleanUpMs: graceMs },
      ...{ death_signal, hidden, onWarning, logOf },
    };
    const made = new HandlerProcess(options);
    this.#processes.push(made);
    void made.start();
    const forget = () => {
      this.#processes = this.#processes.filter((one) => one !== made);
    };
    // Why it ended is in the outcome of its attempt, or was a warning.
    made.finished.then(forget, forget);
    return made;
  }
}
