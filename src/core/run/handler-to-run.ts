import type { Config, HandlerConfig } from '../config/config-schema.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { type LoadOptions, type ResolvedConfig, resolveConfig } from '../config/load-config.ts';
import { AfdError } from '../domain/errors.ts';
import { checkNewTasks } from '../domain/task/new-task.ts';
import type { NewTask } from '../domain/task/task.ts';

/**
 * The configuration in which this task has a handler; it need not name a database.
 * @throws AfdError E_CONFIG; E_USAGE: no handler, or no valid task
 */
export async function resolveForRun(task: NewTask, options: LoadOptions): Promise<Omit<ResolvedConfig, 'database'>> {
  const resolved = await resolveConfig(options);
  handlerToRun(resolved.config, task.task_type, resolved.file);
  checkNewTasks(task);
  return resolved;
}

/** The configured handler of a type; `file`: the configuration file. @throws AfdError E_USAGE: there is none */
export function handlerToRun({ handlers }: Config, type: string, file?: string): HandlerConfig {
  if (Object.hasOwn(handlers, type)) return handlers[type]!;
  const types = Object.keys(handlers);
  const near = didYouMean(type, types);
  const where = file ?? 'the configuration (no configuration file was found)';
  const known = types.length === 0 ? `${where} has no handlers` : `${where} has those of ${types.join(', ')}`;
  throw new AfdError(
    'E_USAGE',
    `There is no handler for ${JSON.stringify(type)}: ${known}.${near === undefined ? '' : ` Did you mean ${near}?`}`,
    {
      suggestions: [near === undefined ? 'afd config show' : `afd run ${near}`],
      data: { task_type: type, task_types: types },
    },
  );
}
