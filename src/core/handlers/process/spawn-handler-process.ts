import { type ChildProcess, spawn } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../command/command-environment.ts';
import type { HandlerUser } from '../command/handler-user.ts';
import type { ProcessSettings } from './process-settings.ts';

/** Node 20 runs no .ts file: code that runs from src uses the built entry. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? '../../../../dist/core/handlers/process/handler-process-entry.js'
  : './handler-process-entry.js';

export interface SpawnProcessOptions extends ProcessSettings {
  /** All of it: nothing else is inherited. */
  env: Environment;
  /** Absolute. */
  cwd: string;
  /** As whom it runs; undefined = as this process. */
  user?: HandlerUser | undefined;
  /** argv that ties its life to this process (`findDeathSignal`); empty = only its channel does. */
  death_signal: string[];
  /** In the place of descriptors that it would inherit (`hideInherited`). */
  hidden: ReadonlyArray<'ignore' | number>;
}

/** Starts a process, the leader of a group of its own, that loads one module. @throws what `spawn` throws */
export function spawnHandlerProcess(options: SpawnProcessOptions): ChildProcess {
  const { task_type, module, base_dir, folders, cleanUpMs, env, cwd, user, death_signal, hidden } = options;
  const settings: ProcessSettings = { task_type, module, base_dir, folders, cleanUpMs };
  const [program, ...args] = [...death_signal, execPath, fileURLToPath(new URL(ENTRY, import.meta.url))];
  return spawn(program!, [...args, JSON.stringify(settings)], {
    env: env as NodeJS.ProcessEnv,
    cwd,
    detached: true,
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...hidden.slice(1)],
  });
}
