// AFD_WORKER: which worker process started a command. Each process that the command starts inherits it, also one that
// leaves the process group, so that what a dead worker left behind can be told exactly from what a live one runs.
import { ownPid } from './own-process.ts';
import { environmentOf, pidNamespace, processStat, runs, variableIn } from './process-table.ts';

export const WORKER_VARIABLE = 'AFD_WORKER';
export const TOKEN_VARIABLE = 'AFD_CLAIM_TOKEN';

export interface WorkerStamp {
  pid: number;
  /** As in /proc/<pid>/stat: a later process with the same pid has another one. */
  started: string;
  /** Inode of its pid namespace: in another one the pid means another process. */
  namespace: string;
}

export interface Stamps {
  worker: string;
  /** `attemptStamp` of its attempt. */
  token: string;
  task: string | undefined;
}

/** `<pid>:<start time>:<pid namespace>` of this process; undefined where /proc does not show it. */
export function ownStamp(): string | undefined {
  const stat = processStat('self');
  const namespace = pidNamespace('self');
  // The /proc of another pid namespace has other numbers than those which signals take.
  if (stat === undefined || namespace === undefined || stat.pid !== ownPid) return undefined;
  return `${stat.pid}:${stat.started}:${namespace}`;
}

/** By which the processes of an attempt are known: the attempts of one claim share its token. */
export function attemptStamp({ claim_token, task }: { claim_token: string; task: { task_id: number } }): string {
  return spelledStamp(claim_token, String(task.task_id));
}

function spelledStamp(token: string, task: string | undefined): string {
  return task === undefined ? token : `${token} ${task}`;
}

export function readStamp(text: string): WorkerStamp | undefined {
  const [, pid, started, namespace] = /^([1-9]\d{0,9}):(\d{1,20}):(\d{1,20})$/.exec(text) ?? [];
  if (pid === undefined || started === undefined || namespace === undefined) return undefined;
  return { pid: Number(pid), started, namespace };
}

/** True while the process with that pid *and* start time runs. Only for a stamp of this pid namespace. */
export function stampLives({ pid, started }: WorkerStamp): boolean {
  const stat = processStat(pid);
  return runs(stat) && stat.started === started;
}

/**
 * With which worker and attempt a process began; undefined when its environment names none, or cannot be read: some
 * programs write their title over it. An empty AFD_WORKER is a stamp as well, of nobody: so begins what may outlive its attempt.
 */
export function stampsOf(pid: number): Stamps | undefined {
  const environment = environmentOf(pid);
  const worker = variableIn(environment, WORKER_VARIABLE);
  if (worker === undefined) return undefined;
  const task = variableIn(environment, 'AFD_TASK_ID');
  return { worker, token: spelledStamp(variableIn(environment, TOKEN_VARIABLE) ?? '', task), task };
}
