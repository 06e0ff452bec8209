import type { Handler, HandlerLog } from './handler.ts';
import { type HandlerFolders, handlerFolders, moduleFile } from './module-folders.ts';
import { functionHandler } from './module-handler.ts';
import { loadHandlerModule } from './module-loader.ts';
import { WarmModule } from './warm-module.ts';

export interface ModulePlaceOptions {
  base_dir: string;
  /** Absent: `base_dir` alone. */
  folders?: HandlerFolders | undefined;
  /** Of the hooks of this type's module. */
  logOf(task_type: string): HandlerLog;
  /** See `WarmModule`; as it is where nothing follows attempts. */
  apart?: <T>(call: () => T) => T;
}

/**
 * The handler modules of one place in which they run: the main thread, a thread, a process. A module has one `warmUp` in
 * it, however many task types it handles.
 */
export class ModulePlace {
  readonly #options: ModulePlaceOptions;
  /** By file. */
  readonly #warm = new Map<string, WarmModule>();

  constructor(options: ModulePlaceOptions) {
    this.#options = options;
  }

  /** `module`: path, relative to the place's `base_dir`. @throws AfdError E_HANDLER_MISSING, E_CONFIG */
  async load(task_type: string, module: string, timeout?: number): Promise<Handler> {
    const { base_dir, folders = handlerFolders(['.'], base_dir), logOf, apart = (call) => call() } = this.#options;
    const source = await moduleFile(task_type, { module, base_dir, folders });
    const loaded = await loadHandlerModule(task_type, source);
    if (loaded.warmUp === undefined && loaded.cleanUp === undefined) {
      return { ...functionHandler(loaded.call, timeout), source };
    }
    const warm = this.#warm.get(source) ?? new WarmModule(loaded, { log: logOf(task_type), apart });
    this.#warm.set(source, warm);
    return { timeout, source, execute: (attempt) => warm.execute(attempt) };
  }

  /** When no attempt begins here any more. Takes at most this long. */
  async cleanUp(limitMs: number): Promise<void> {
    await Promise.all([...this.#warm.values()].map((one) => one.cleanUp(limitMs)));
  }
}
