// Three real `afd worker` processes with a configuration file and a log of their own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { AFD, childEnvironment, QuickstartError, ROOT } from './afd.ts';
import type { DemoDatabase } from './database.ts';

export interface WorkerPlan {
  device_id: string;
  slots: number;
  task_types: string[];
  capabilities: Record<string, boolean>;
  /** The interpreter, when this worker runs sync_data as a Python program. */
  python?: string | undefined;
}

export interface WorkerEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Where everything of one run lies: configurations, logs, tokens. */
export const FOLDER = join(ROOT, '.afd', 'quickstart');
const PIDS = join(FOLDER, 'pids');
const OWNER = join(FOLDER, 'owner');

export class Fleet {
  readonly plans: WorkerPlan[];
  readonly #children = new Map<string, ChildProcess>();
  readonly #ends = new Map<string, Promise<WorkerEnd>>();
  /** Ends that nobody asked for. */
  readonly #expected = new Set<string>();
  #problem: QuickstartError | undefined;

  constructor(plans: WorkerPlan[]) {
    this.plans = plans;
  }

  /** Writes the configurations and starts the processes. `env` carries what the handlers need. */
  start(database: DemoDatabase, env: Record<string, string>): void {
    for (const plan of this.plans) {
      const { device_id } = plan;
      const config = configFile(device_id);
      writeSecret(config, stringify(configuration(plan, database)));
      const log = openSync(logFile(device_id), 'w', 0o600);
      const child = spawn(process.execPath, [AFD, 'worker', '--config', config, '--device-id', device_id], {
        cwd: ROOT,
        env: childEnvironment(env),
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      this.#children.set(device_id, child);
      this.#ends.set(device_id, this.#watch(device_id, child));
    }
    const pids = [...this.#children.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    writeFileSync(PIDS, pids.join('\n'));
  }

  /** @throws QuickstartError when a worker has ended that should not have */
  check(): void {
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** As if somebody pulled the plug of its machine. */
  async kill(device_id: string): Promise<void> {
    this.#expected.add(device_id);
    this.#children.get(device_id)?.kill('SIGKILL');
    await this.#ends.get(device_id);
  }

  /** SIGTERM to those that still run: they finish or release what they hold. Returns how each ended. */
  async stop(): Promise<Record<string, WorkerEnd>> {
    const running = [...this.#children].filter(([, child]) => child.exitCode === null && child.signalCode === null);
    for (const [device_id, child] of running) {
      this.#expected.add(device_id);
      child.kill('SIGTERM');
    }
    const timer = setTimeout(() => this.abandon(), 20_000);
    const ends = await Promise.all(running.map(async ([device_id]) => [device_id, await this.#ends.get(device_id)]));
    clearTimeout(timer);
    rmSync(PIDS, { force: true });
    return Object.fromEntries(ends);
  }

  /** For the end of a run that failed: nothing may stay behind. */
  abandon(): void {
    for (const [device_id, child] of this.#children) {
      this.#expected.add(device_id);
      child.kill('SIGKILL');
    }
  }

  #watch(device_id: string, child: ChildProcess): Promise<WorkerEnd> {
    return new Promise((resolve) => {
      child.once('error', (error) => this.#failed(device_id, error.message));
      child.once('exit', (code, signal) => {
        if (!this.#expected.has(device_id)) this.#failed(device_id, signal ?? `exit code ${code}`);
        resolve({ code, signal });
      });
    });
  }

  #failed(device_id: string, how: string): void {
    const tail = read(logFile(device_id)).trim().split('\n').slice(-5).join('\n  ');
    const said = tail === '' ? 'Its log is empty' : `The end of its log:\n  ${tail}`;
    this.#problem ??= new QuickstartError(`${device_id} ended (${how}). ${said}`);
  }
}

export function logFile(device_id: string): string {
  return join(FOLDER, `${device_id}.log`);
}

export function configFile(device_id: string): string {
  return join(FOLDER, `${device_id}.yaml`);
}

/**
 * Makes the folder this run's own, and ends workers of an earlier run that was killed before it could end them.
 * @throws QuickstartError when another run is using the folder
 */
export function prepareFolder(): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const owner = Number(read(OWNER));
  if (owner > 0 && owner !== process.pid && commandOf(owner).includes('quickstart')) {
    throw new QuickstartError(`Another quickstart (pid ${owner}) is running in this folder.`, 5);
  }
  writeFileSync(OWNER, String(process.pid));
  const left = read(PIDS).split('\n').map(Number);
  for (const pid of left) if (pid > 0 && commandOf(pid).includes(FOLDER)) process.kill(pid, 'SIGKILL');
  for (const file of [PIDS, tokensFile(), configFile('afd')]) rmSync(file, { force: true });
}

/** Gives the folder back, if it was ours. */
export function releaseFolder(): void {
  if (Number(read(OWNER)) === process.pid) rmSync(OWNER, { force: true });
}

export function tokensFile(): string {
  return join(FOLDER, 'tokens.json');
}

export function writeSecret(file: string, text: string): void {
  rmSync(file, { force: true });
  writeFileSync(file, text, { mode: 0o600 });
}

/** For commands next to the workers: `afd status --config …`. */
export function baseConfiguration({ url, tables }: DemoDatabase) {
  return { database: { url }, tables: { task: tables.task, prefix: tables.prefix } };
}

function configuration(plan: WorkerPlan, database: DemoDatabase) {
  const handlers = join('..', '..', 'examples', 'appsflyer', 'handlers');
  const program = join(ROOT, 'examples', 'python', 'sync_data.py');
  const passed = [
    'APPSFLYER_BASE_URL',
    'APPSFLYER_TOKENS_FILE',
    'APPSFLYER_WAIT_SCALE',
    'AF_DATA_DATABASE_URL',
    'AF_DATA_TABLE',
  ];
  const all = {
    sync_apps: { module: join(handlers, 'sync-apps.ts') },
    sync_data:
      plan.python === undefined
        ? { module: join(handlers, 'sync-data.ts'), timeout: '60s' }
        : {
            exec: [plan.python, '-B', program],
            timeout: '60s',
            env: Object.fromEntries(passed.map((name) => [name, `\${${name}}`])),
          },
  };
  return {
    ...baseConfiguration(database),
    worker: {
      max_concurrent_tasks: plan.slots,
      capabilities: { supported_tasks: plan.task_types, ...plan.capabilities },
      heartbeat_interval: '1s',
      task_poll_interval: '250ms',
      shutdown_timeout: '10s',
      handler_folders: [handlers],
    },
    // Everything that decides how soon a dead device is noticed, in seconds instead of minutes.
    master: {
      heartbeat_timeout: '10s',
      health_check_interval: '500ms',
      lock_check_interval: '100ms',
      lock_grace: '500ms',
      lock_trust_after_start: '1s',
      lease_duration: '5s',
      lease_renew_interval: '1s',
      lease_trust: '3s',
      retry_backoff: { initial: '300ms', max: '2s' },
      lost_backoff: [0, '500ms', '1s'],
    },
    handlers: Object.fromEntries(Object.entries(all).filter(([type]) => plan.task_types.includes(type))),
  };
}

/** The command line of a process; empty when there is none. */
function commandOf(pid: number): string {
  const linux = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  if (linux !== '') return linux;
  try {
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
