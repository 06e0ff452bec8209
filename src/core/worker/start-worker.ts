import type { Context } from '../context/context.ts';
import { handlerFolders } from '../handlers/module-folders.ts';
import { Keyring } from '../secrets/keyring.ts';
import { loadHandlers } from './load-handlers.ts';
import { Worker } from './worker.ts';
import type { WorkerOptions, WorkerResult } from './worker-options.ts';

/**
 * Loads the handlers that the configuration names, then runs the worker. A type without a handler stops the start.
 * `env` is what commands may be given from.
 * @throws AfdError E_HANDLER_MISSING, E_CONFIG, and those of Worker.run
 */
export async function startWorker(context: Context, options: Omit<WorkerOptions, 'handlers'>): Promise<WorkerResult> {
  const { config, resolved, events, log } = context;
  await Keyring.of(resolved).check();
  const { handlers, warnings, limits, close } = await loadHandlers({
    handlers: config.handlers,
    supported_tasks: config.worker.capabilities.supported_tasks,
    base_dir: resolved.baseDir,
    folders: handlerFolders(config.worker.handler_folders, resolved.baseDir, resolved.author),
    env: options.env,
    kill_grace: config.worker.kill_grace,
    artifacts: config.worker.artifacts,
    slots: config.worker.max_concurrent_tasks,
    onWarning: (message) => events.emit('warning', { message }),
    logOf: (task_type) => log.child({ task_type }),
  });
  if (limits !== undefined) log.debug(limits);
  for (const message of warnings) events.emit('warning', { message });
  try {
    return await new Worker(context, { ...options, handlers }).run();
  } finally {
    await close();
  }
}
