// One attempt of a task that is in no database: the same handler, environment, limits and reading of the end as in a worker,
// because the same Runner runs it. Nothing is claimed, written or enqueued.
import { randomBytes } from 'node:crypto';
import type { ResolvedConfig } from '../config/load-config.ts';
import type { ClaimedTask } from '../db/claim/claimed-task.ts';
import type { Finish } from '../domain/attempt/reconcile.ts';
import { claimRank } from '../domain/lane.ts';
import type { NewTask } from '../domain/task/task.ts';
import type { Handler } from '../handlers/handler.ts';
import { handlerFolders } from '../handlers/module-folders.ts';
import type { Log } from '../log/log.ts';
import { deviceIdOf } from '../node/device-identity.ts';
import { PulseBoard } from '../node/pulse-board.ts';
import { Events } from '../runtime/events.ts';
import { Payloads } from '../worker/claim/payloads.ts';
import { PREFETCH_TTL_MS, TaskTimings } from '../worker/claim/task-timings.ts';
import { loadHandlers } from '../worker/load-handlers.ts';
import { AttemptOutput } from '../worker/log/attempt-output.ts';
import { RunningReport } from '../worker/report/running-report.ts';
import { HeldAttempts } from '../worker/run/held-attempts.ts';
import { Printed } from '../worker/run/printed.ts';
import { Runner } from '../worker/run/runner.ts';
import type { Strays } from '../worker/run/strays.ts';
import { type HandlerRun, handlerRun } from './handler-run.ts';

export interface RunOnceOptions {
  resolved: Pick<ResolvedConfig, 'config' | 'baseDir' | 'author'>;
  /** A type with a handler, and what it is given (`checkNewTasks`). */
  task: NewTask;
  /** The number of the try. */
  attempt: number;
  /** Of this process: what commands are given from. */
  env: Record<string, string | undefined>;
  hostname: string;
  /** Takes what the handler prints and logs, as it comes. */
  log: Log;
  /** What the handler does to this process. */
  strays: Strays;
  /** Ends the handler: SIGTERM, then SIGKILL after worker.kill_grace. */
  stop: AbortSignal;
  /** Ends it at once. */
  force: AbortSignal;
  /** A module is loaded anew, with all that it imports, although this process has loaded it before. */
  anew: boolean;
  onWarning(message: string): void;
}

/** Runs a handler once, and says how a worker would have read its end. @throws AfdError E_HANDLER_MISSING, E_CONFIG */
export async function runOnce(options: RunOnceOptions): Promise<HandlerRun> {
  const { resolved, task, env, onWarning } = options;
  const { handlers: configured, worker } = resolved.config;
  const config = configured[task.task_type]!;
  // A thread or a process that starts now loads everything.
  const inAnother = options.anew && config.isolation === 'none';
  const { handlers, warnings, close } = await loadHandlers({
    handlers: { [task.task_type]: inAnother ? { ...config, isolation: 'thread' } : config },
    supported_tasks: [task.task_type],
    base_dir: resolved.baseDir,
    folders: handlerFolders(worker.handler_folders, resolved.baseDir, resolved.author),
    env,
    kill_grace: worker.kill_grace,
    artifacts: worker.artifacts,
    slots: 1,
    onWarning,
    logOf: () => options.log,
  });
  try {
    for (const warning of warnings) onWarning(warning);
    return handlerRun(task.task_type, await oneAttempt(options, handlers, close));
  } finally {
    await close();
  }
}

/** Its end; `close` ends what can be ended from outside, at once. */
async function oneAttempt(
  { resolved: { config }, task, attempt, hostname, log, strays, stop, force, onWarning }: RunOnceOptions,
  handlers: Map<string, Handler>,
  close: () => Promise<void>,
): Promise<Finish> {
  const deviceId = config.worker.device_id ?? deviceIdOf(hostname);
  const events = new Events();
  events.on('warning', ({ message }) => onWarning(message));
  const attempts = new HeldAttempts({
    ...{ events, timings: new TaskTimings(), returned: () => {} },
    startFlushAfterMs: Number.POSITIVE_INFINITY,
    deadlineSlackS: config.master.deadline_slack,
  });
  const board = new PulseBoard(1);
  // No run log: that is in the database.
  const outputOf = () => new AttemptOutput(log, undefined, () => undefined);
  const listening = new AbortController();
  return new Promise<Finish>((resolve) => {
    const runner = new Runner({
      ...{ slots: 1, deviceId, handlers, attempts, board, events, payloads: new Payloads() },
      defaultTimeoutS: config.master.task_timeout,
      stuckAfterMs: config.worker.kill_grace * 2000 + 1000,
      prefetchTtlMs: PREFETCH_TTL_MS,
      outputOf,
      masked: (_attempt, text) => text,
      secrets: unread,
      hide: () => {},
      reports: { read: async () => undefined, flush: async () => {} },
      reportOf: (of, complain) => new RunningReport({ of, complain, masked: (text) => text, onChange: forget }),
      onFinish: resolve,
      onSlots: () => {},
    });
    strays.attach({ runner, handlers, events, printed: new Printed(runner, handlers, log, outputOf) });
    const forced = () => {
      runner.abortAll('shutdown');
      if (handlers.get(task.task_type)?.killable === true) void close();
      else runner.giveUpAll();
    };
    runner.begin([claimedTask(task, attempt - 1)], randomBytes(16), board.generation);
    whenAborted(stop, () => runner.abortAll('shutdown'), listening.signal);
    whenAborted(force, forced, listening.signal);
  }).finally(() => listening.abort());
}

/** No database is asked, so a reference has no value. */
async function unread(): Promise<never> {
  throw new Error('afd run reads no secrets: give the values in the place of secret:NAME, in --data');
}

/** What is reported is taken as if it were stored; there is no next attempt. */
function forget(report: RunningReport): void {
  report.wrote(report.version);
  const { wanted } = report.checkpoints;
  if (wanted !== undefined) report.stored(wanted.version);
}

/** Until `listening` is aborted. */
function whenAborted(signal: AbortSignal, act: () => void, listening: AbortSignal): void {
  if (signal.aborted) act();
  else signal.addEventListener('abort', act, { signal: listening });
}

/** The row of the task, had a worker claimed it after this number of failed attempts. Its payload is here, whatever its size. */
function claimedTask(task: NewTask, failed: number): ClaimedTask {
  const { task_data = null, username = null, app_id = null, start_date = null, end_date = null } = task;
  return {
    ...{ id: 0, attempt: failed, task_type: task.task_type, username, app_id, start_date, end_date },
    task_data: task_data === null ? null : JSON.stringify(task_data),
    payload_bytes: 0,
    priority: task.priority ?? null,
    retry: failed,
    execution_timeout: task.execution_timeout ?? null,
    required_capabilities: null,
    claim_rank: claimRank(null),
    due_at: '',
    claimed_by: null,
    lease_s: 0,
    deferred: true,
    assignment_id: null,
  };
}
