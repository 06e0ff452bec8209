import { setMaxListeners } from 'node:events';
import { resolve } from 'node:path';
import { type HandlerConfig, RECYCLE } from '../config/config-schema.ts';
import { AfdError } from '../domain/errors.ts';
import { type Environment, moduleEnvironment } from '../handlers/command/command-environment.ts';
import { type CommandHandlerOptions, checkCommand, commandHandler } from '../handlers/command/command-handler.ts';
import { type CommandHost, openCommandHost } from '../handlers/command/command-host.ts';
import { type HandlerUser, handlerUser, userWarning } from '../handlers/command/handler-user.ts';
import { hideInherited } from '../handlers/command/inherited-descriptors.ts';
import { limitPrefix } from '../handlers/command/limit-programs.ts';
import { findDeathSignal } from '../handlers/command/program.ts';
import type { Handler, HandlerLog } from '../handlers/handler.ts';
import type { HandlerFolders } from '../handlers/module-folders.ts';
import { ModulePlace } from '../handlers/module-place.ts';
import { HandlerProcesses, type ProcessModule } from '../handlers/process/handler-processes.ts';
import { HandlerThreads } from '../handlers/thread/handler-threads.ts';
import type { Service } from '../runtime/service.ts';
import { type Isolation, idleSettings, isolationOf, linesToAdd } from './handler-advice.ts';

export interface LoadHandlersOptions {
  /** `handlers` of the configuration. */
  handlers: Record<string, HandlerConfig>;
  /** `worker.capabilities.supported_tasks`; undefined = every type that has a handler. */
  supported_tasks: string[] | undefined;
  /** Folder of the configuration file. */
  base_dir: string;
  /** In which modules must lie (`worker.handler_folders`); absent: `base_dir` alone. */
  folders?: HandlerFolders | undefined;
  /** The worker's environment: what processes inherit from, and what `${NAME}` in their env names. */
  env: Environment;
  /**
   * Seconds between SIGTERM and SIGKILL of a command, between the abort of a module and the end of its thread or process,
   * and that the clean-up of a module may take.
   */
  kill_grace: number;
  /** `worker.artifacts`. */
  artifacts?: string | undefined;
  /** Attempts that run at the same time, at most. */
  slots: number;
  /** What the threads and processes of the handlers have to say. */
  onWarning(message: string): void;
  /** Where the hooks of this type's module log to. */
  logOf(task_type: string): HandlerLog;
}

export interface LoadedHandlers {
  /** By task type: exactly the types that this worker executes. */
  handlers: Map<string, Handler>;
  /** Sentences for an operator. */
  warnings: string[];
  /** How the memory of commands is limited, in a sentence; undefined = none has a limit, or a warning has said it. */
  limits: string | undefined;
  /** Lets the modules clean up, and ends their threads and processes, what watches over commands, and the commands that run. */
  close(): Promise<void>;
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
  const commands = types.some((type) => isCommand(configured[type]!));
  const memory = types.some((type) => isCommand(configured[type]!) && configured[type]!.limits.memory !== undefined);
  const host = commands ? await openCommandHost(options.env.PATH, options.onWarning, { memory }) : undefined;
  warnings.push(...(host?.warnings ?? []));
  const processes = types.some((type) => isolationOf(configured[type]!) === 'process');
  const start: Start = {
    death_signal: host?.death_signal ?? (processes ? await findDeathSignal(options.env.PATH) : []),
    hidden: host?.hidden ?? (processes ? hideInherited() : []),
  };
  const users = await usersOf(types, options, warnings);
  const places = placesOf(types, options, start, users);
  const here = new ModulePlace(options);
  // One listener for each command that runs.
  const kill = new AbortController();
  setMaxListeners(0, kill.signal);
  const close = async () => {
    kill.abort();
    await Promise.all([
      ...[here.cleanUp(options.kill_grace * 1000), host?.close()],
      ...places.map(({ service }) => service.stop()),
    ]);
  };
  try {
    await Promise.all(places.map(({ service }) => service.start()));
    for (const type of types) {
      const placed = places.map((one) => one.handlerOf(type)).find((one) => one !== undefined);
      const command = { here, host, kill: kill.signal, user: users.get(type) };
      handlers.set(type, placed ?? (await loadHandler(type, configured[type]!, options, command)));
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
  return { handlers, warnings, limits: host?.limits, close };
}

function isCommand({ exec }: HandlerConfig): boolean {
  return exec !== undefined;
}

type Start = Pick<CommandHost, 'death_signal' | 'hidden'>;

interface Place {
  service: Service;
  handlerOf(type: string): Handler | undefined;
}

/** The modules that run in a thread and those that run in processes, not started. */
function placesOf(
  types: string[],
  options: LoadHandlersOptions,
  start: Start,
  users: ReadonlyMap<string, HandlerUser>,
): Place[] {
  const { handlers, base_dir, env: worker_env, slots: most } = options;
  const modulesIn = (isolation: Isolation) =>
    types
      .filter((type) => isolationOf(handlers[type]!) === isolation)
      .map((task_type) => {
        const config = handlers[task_type]!;
        return { task_type, module: config.module!, timeout: config.timeout || undefined, config };
      });
  const places: Place[] = [];
  const threaded = modulesIn('thread');
  if (threaded.length > 0) {
    const service = new HandlerThreads({ ...options, modules: threaded });
    const names = threaded.map((one) => one.task_type);
    places.push({ service, handlerOf: (type) => service.handlers[names.indexOf(type)] });
  }
  const modules: ProcessModule[] = modulesIn('process').map(
    ({ config: { env, cwd = '.', recycle = RECYCLE }, ...one }) => ({
      ...one,
      env: moduleEnvironment(one.task_type, env, worker_env, users.get(one.task_type)),
      user: users.get(one.task_type),
      cwd: resolve(base_dir, cwd),
      recycle,
    }),
  );
  if (modules.length > 0) {
    const service = new HandlerProcesses({ ...options, ...start, modules, most });
    places.push({ service, handlerOf: (type) => service.handlers.get(type) });
  }
  return places;
}

interface Loading {
  here: ModulePlace;
  host: CommandHost | undefined;
  kill: AbortSignal;
  user: HandlerUser | undefined;
}

/** As whom handlers run that do not run as the worker. @throws AfdError E_CONFIG */
async function usersOf(
  types: string[],
  { handlers, env }: LoadHandlersOptions,
  warnings: string[],
): Promise<Map<string, HandlerUser>> {
  const users = new Map<string, HandlerUser>();
  for (const type of types) {
    const { user } = handlers[type]!;
    if (user === undefined) continue;
    users.set(type, await handlerUser(type, user, env.PATH));
    const warning = await userWarning(type);
    if (warning !== undefined) warnings.push(warning);
  }
  return users;
}

async function loadHandler(
  type: string,
  config: HandlerConfig,
  { base_dir, env: worker_env, kill_grace, artifacts }: LoadHandlersOptions,
  { here, host, kill, user }: Loading,
): Promise<Handler> {
  const { module, exec } = config;
  // No task can run for 0 s: it means the fleet's.
  const timeout = config.timeout || undefined;
  if (module !== undefined) return here.load(type, module, timeout);
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
    ...{ limits, keep_folder, keep_files: files.keep, user },
    prefix: await limitPrefix(type, config, worker_env.PATH, user),
    artifacts: artifacts === undefined ? undefined : resolve(base_dir, artifacts),
  };
  const problem = await checkCommand(command);
  if (problem !== undefined) {
    throw new AfdError('E_HANDLER_MISSING', `The handler of ${type} cannot be started: ${problem} (handlers.${type}).`);
  }
  return commandHandler(command);
}
