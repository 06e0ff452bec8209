import { setMaxListeners } from 'node:events';
import { resolve } from 'node:path';
import type { HandlerConfig } from '../config/config-schema.ts';
import { AfdError } from '../domain/errors.ts';
import type { Environment } from '../handlers/command/command-environment.ts';
import { type CommandHandlerOptions, checkCommand, commandHandler } from '../handlers/command/command-handler.ts';
import { type CommandHost, openCommandHost } from '../handlers/command/command-host.ts';
import { limitPrefix } from '../handlers/command/limit-programs.ts';
import type { Handler } from '../handlers/handler.ts';
import { moduleHandler } from '../handlers/module-handler.ts';
import { HandlerThreads } from '../handlers/thread/handler-threads.ts';

export interface LoadHandlersOptions {
  /** `handlers` of the configuration. */
  handlers: Record<string, HandlerConfig>;
  /** `worker.capabilities.supported_tasks`; undefined = every type that has a handler. */
  supported_tasks: string[] | undefined;
  /** Folder of the configuration file. */
  base_dir: string;
  /** The worker's environment: what commands inherit from, and what `${NAME}` in their env names. */
  env: Environment;
  /** Seconds between SIGTERM and SIGKILL of a command, and between the abort of a module and the end of its thread. */
  kill_grace: number;
  /** `worker.artifacts`. */
  artifacts?: string | undefined;
  /** What the threads of the handlers have to say. */
  onWarning(message: string): void;
}

export interface LoadedHandlers {
  /** By task type: exactly the types that this worker executes. */
  handlers: Map<string, Handler>;
  /** Sentences for an operator. */
  warnings: string[];
  /** Ends the threads in which modules run, what watches over commands, and the commands that still run. */
  close(): Promise<void>;
}

interface Threaded {
  /** The types of its handlers, in their order. */
  types: string[];
  threads: HandlerThreads;
}

/**
 * Loads the handler of every supported task type, or refuses: a type never runs with another type's handler, and no
 * worker starts that would only fail its tasks.
 * @throws AfdError E_HANDLER_MISSING, E_CONFIG (both 78)
 */
export async function loadHandlers(options: LoadHandlersOptions): Promise<LoadedHandlers> {
  const { handlers: configured } = options;
  const types = [...new Set(options.supported_tasks ?? Object.keys(configured))];
  if (types.length === 0) {
    const list = options.supported_tasks !== undefined;
    throw new AfdError(
      'E_CONFIG',
      `This worker cannot run any task: ${list ? 'worker.capabilities.supported_tasks is empty' : 'no handlers are configured'}. ` +
        `Configure at least one task type with its handler:\n${linesToAdd(Object.keys(configured).length > 0 ? [] : ['my_task'])}`,
    );
  }
  const missing = types.filter((type) => !Object.hasOwn(configured, type));
  if (missing.length > 0) {
    throw new AfdError(
      'E_HANDLER_MISSING',
      `worker.capabilities.supported_tasks lists ${missing.join(', ')}, but there is no handler for ${
        missing.length === 1 ? 'it' : 'them'
      }. Add to the configuration file:\n${linesToAdd(missing)}`,
      { data: { task_types: missing } },
    );
  }

  const handlers = new Map<string, Handler>();
  const warnings: string[] = [];
  const commands = types.some((type) => configured[type]!.exec !== undefined);
  const host = commands ? await openCommandHost(options.env.PATH, options.onWarning) : undefined;
  warnings.push(...(host?.warnings ?? []));
  const threaded = inThreads(types, options);
  // One listener for each command that runs.
  const kill = new AbortController();
  setMaxListeners(0, kill.signal);
  const close = async () => {
    kill.abort();
    await Promise.all([...threaded.map(({ threads }) => threads.stop()), host?.close()]);
  };
  try {
    await Promise.all(threaded.map(({ threads }) => threads.start()));
    for (const type of types) {
      handlers.set(
        type,
        handlerIn(threaded, type) ?? (await loadHandler(type, configured[type]!, options, { host, kill: kill.signal })),
      );
      warnings.push(...idleSettings(type, configured[type]!, options.artifacts));
    }
  } catch (error) {
    await close();
    throw error;
  }
  for (const type of Object.keys(configured)) {
    if (handlers.has(type)) continue;
    warnings.push(
      `handlers.${type} is configured, but worker.capabilities.supported_tasks does not list it, so this worker does not run it.`,
    );
  }
  return { handlers, warnings, close };
}

/** The modules that run in threads, not started: those that share one, and each that has its own. */
function inThreads(types: string[], options: LoadHandlersOptions): Threaded[] {
  const modules = types.flatMap((task_type) => {
    const { module, thread, timeout } = options.handlers[task_type]!;
    return module === undefined || thread === 'main'
      ? []
      : [{ task_type, module, thread, timeout: timeout || undefined }];
  });
  const shared = modules.filter((one) => one.thread !== 'own');
  const groups = [
    ...(shared.length > 0 ? [shared] : []),
    ...modules.filter((one) => one.thread === 'own').map((one) => [one]),
  ];
  return groups.map((group) => ({
    types: group.map((one) => one.task_type),
    threads: new HandlerThreads({ ...options, modules: group }),
  }));
}

function handlerIn(threaded: Threaded[], type: string): Handler | undefined {
  for (const { types, threads } of threaded) if (types.includes(type)) return threads.handlers[types.indexOf(type)];
  return undefined;
}

async function loadHandler(
  type: string,
  config: HandlerConfig,
  { base_dir, env: worker_env, kill_grace, artifacts }: LoadHandlersOptions,
  { host, kill }: { host: CommandHost | undefined; kill: AbortSignal },
): Promise<Handler> {
  const { module, exec } = config;
  // No task can run for 0 s: it means the fleet's.
  const timeout = config.timeout || undefined;
  if (module !== undefined) return moduleHandler({ task_type: type, module, base_dir, timeout });
  if (exec === undefined || exec.length === 0 || host === undefined) {
    throw new AfdError('E_CONFIG', `handlers.${type} has neither "module" nor "exec".`);
  }
  const { env, cwd, result, limits, keep_folder, files } = config;
  if (limits.memory !== undefined && host.sampler === undefined) {
    const why = 'there is no /proc that shows the memory of processes';
    throw new AfdError('E_CONFIG', `handlers.${type}.limits.memory cannot be applied on this machine: ${why}.`);
  }
  const command: CommandHandlerOptions = {
    ...{ task_type: type, exec, base_dir, cwd, env, worker_env, timeout, kill_grace, result, host, kill },
    ...{ limits, keep_folder, keep_files: files.keep },
    prefix: await limitPrefix(type, config, worker_env.PATH),
    artifacts: artifacts === undefined ? undefined : resolve(base_dir, artifacts),
  };
  const problem = await checkCommand(command);
  if (problem !== undefined) {
    throw new AfdError('E_HANDLER_MISSING', `The handler of ${type} cannot be started: ${problem} (handlers.${type}).`);
  }
  return commandHandler(command);
}

function idleSettings(type: string, config: HandlerConfig, artifacts: string | undefined): string[] {
  const { module, env, cwd, result, limits, keep_folder, umask, files } = config;
  const keep = files.keep.length > 0;
  if (module === undefined) {
    if (!keep || artifacts !== undefined) return [];
    return [`handlers.${type}.files.keep has no effect: worker.artifacts, the folder for them, is not set.`];
  }
  const given = {
    ...{ env: Object.keys(env).length > 0, cwd: cwd !== undefined, result, limits: Object.keys(limits).length > 0 },
    ...{ keep_folder: keep_folder !== 'never', umask: umask !== undefined, files: keep },
  };
  const idle = Object.entries(given).flatMap(([name, is]) => (is ? [name] : []));
  return idle.length === 0
    ? []
    : [`handlers.${type}: ${idle.join(', ')} apply to commands only and have no effect on a module.`];
}

function linesToAdd(types: string[]): string {
  if (types.length === 0) return 'worker: { capabilities: { supported_tasks: [my_task] } }';
  const lines = types.map((type) => {
    const key = /^[A-Za-z_][\w-]*$/.test(type) ? type : JSON.stringify(type);
    const file = type.replace(/[^\w-]+/g, '-').replaceAll('_', '-');
    return `  ${key}: { module: ./handlers/${file}.ts, thread: shared }   # or: { exec: [python3, main.py, ${key}] }`;
  });
  return `handlers:\n${lines.join('\n')}`;
}
