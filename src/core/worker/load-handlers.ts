import { setMaxListeners } from 'node:events';
import { resolve } from 'node:path';
import { DEFAULT_ISOLATION, type HandlerConfig, type ISOLATIONS, RECYCLE } from '../config/config-schema.ts';
import { AfdError } from '../domain/errors.ts';
import { type Environment, moduleEnvironment } from '../handlers/command/command-environment.ts';
import { type CommandHandlerOptions, checkCommand, commandHandler } from '../handlers/command/command-handler.ts';
import { type CommandHost, openCommandHost } from '../handlers/command/command-host.ts';
import { hideInherited } from '../handlers/command/inherited-descriptors.ts';
import { limitPrefix } from '../handlers/command/limit-programs.ts';
import { findDeathSignal } from '../handlers/command/program.ts';
import type { Handler, HandlerLog } from '../handlers/handler.ts';
import { ModulePlace } from '../handlers/module-place.ts';
import { HandlerProcesses, type ProcessModule } from '../handlers/process/handler-processes.ts';
import { HandlerThreads } from '../handlers/thread/handler-threads.ts';
import type { Service } from '../runtime/service.ts';

type Isolation = (typeof ISOLATIONS)[number];

export interface LoadHandlersOptions {
  /** `handlers` of the configuration. */
  handlers: Record<string, HandlerConfig>;
  /** `worker.capabilities.supported_tasks`; undefined = every type that has a handler. */
  supported_tasks: string[] | undefined;
  /** Folder of the configuration file. */
  base_dir: string;
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
  const commands = types.some((type) => configured[type]!.exec !== undefined);
  const host = commands ? await openCommandHost(options.env.PATH, options.onWarning) : undefined;
  warnings.push(...(host?.warnings ?? []));
  const processes = types.some((type) => isolationOf(configured[type]!) === 'process');
  const start: Start = {
    death_signal: host?.death_signal ?? (processes ? await findDeathSignal(options.env.PATH) : []),
    hidden: host?.hidden ?? (processes ? hideInherited() : []),
  };
  const places = placesOf(types, options, start);
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
      const command = { here, host, kill: kill.signal };
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
  return { handlers, warnings, close };
}

type Start = Pick<CommandHost, 'death_signal' | 'hidden'>;

interface Place {
  service: Service;
  handlerOf(type: string): Handler | undefined;
}

function isolationOf({ module, isolation }: HandlerConfig): Isolation | undefined {
  return module === undefined ? undefined : (isolation ?? DEFAULT_ISOLATION);
}

/** The modules that run in a thread and those that run in processes, not started. */
function placesOf(types: string[], options: LoadHandlersOptions, start: Start): Place[] {
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
      env: moduleEnvironment(one.task_type, env, worker_env),
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

async function loadHandler(
  type: string,
  config: HandlerConfig,
  { base_dir, env: worker_env, kill_grace, artifacts }: LoadHandlersOptions,
  { here, host, kill }: { here: ModulePlace; host: CommandHost | undefined; kill: AbortSignal },
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
  const named = (given: Record<string, boolean>) =>
    Object.entries(given)
      .flatMap(([name, is]) => (is ? [name] : []))
      .join(', ');
  const found: string[] = [];
  const ofProcess = named({ env: Object.keys(env).length > 0, cwd: cwd !== undefined });
  if (ofProcess !== '' && isolationOf(config) !== 'process') {
    found.push(`handlers.${type}: ${ofProcess} has no effect on a module without "isolation: process".`);
  }
  const ofCommand = named({
    ...{ result, limits: Object.keys(limits).length > 0, keep_folder: keep_folder !== 'never' },
    ...{ umask: umask !== undefined, files: keep },
  });
  if (ofCommand !== '') {
    found.push(`handlers.${type}: ${ofCommand} applies to commands only and has no effect on a module.`);
  }
  return found;
}

function linesToAdd(types: string[]): string {
  if (types.length === 0) return 'worker: { capabilities: { supported_tasks: [my_task] } }';
  const lines = types.map((type) => {
    const key = /^[A-Za-z_][\w-]*$/.test(type) ? type : JSON.stringify(type);
    const file = type.replace(/[^\w-]+/g, '-').replaceAll('_', '-');
    return `  ${key}: { module: ./handlers/${file}.ts }   # or: { exec: [python3, main.py, ${key}] }`;
  });
  return `handlers:\n${lines.join('\n')}`;
}
