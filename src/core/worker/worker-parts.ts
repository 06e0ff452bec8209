// Puts the parts of a worker together: what finds and claims work, what runs it, what keeps track of it.

import { resolve } from 'node:path';
import type { Context } from '../context/context.ts';
import type { ClaimPermission } from '../db/claim/finish-and-claim.ts';
import { ownSecrets } from '../domain/redaction/own-secrets.ts';
import { redactText } from '../domain/redaction/redact.ts';
import type { Handler } from '../handlers/handler.ts';
import type { PulseBoard } from '../node/pulse-board.ts';
import { monotonic } from '../runtime/clock.ts';
import { Payloads } from './claim/payloads.ts';
import { PREFETCH_TTL_MS, TaskTimings } from './claim/task-timings.ts';
import { TypeRooms } from './claim/type-rooms.ts';
import type { AttemptOutput } from './log/attempt-output.ts';
import { LogFiles } from './log/log-files.ts';
import { attemptOutput, maskOf } from './log/run-log-policy.ts';
import { RunLogs } from './log/run-logs.ts';
import type { RegisteredDevice } from './port/work-port.ts';
import { Reporter } from './report/reporter.ts';
import { HeldAttempts } from './run/held-attempts.ts';
import { Runner } from './run/runner.ts';
import type { RunningAttempt } from './run/running-attempt.ts';
import type { Finding, WorkerClaimer, WorkerLink } from './worker-link.ts';

export interface WorkerParts {
  finding: Finding;
  attempts: HeldAttempts;
  runner: Runner;
  claimer: WorkerClaimer;
  reporter: Reporter;
  /** Not started. */
  logs: RunLogs;
  outputOf(attempt: RunningAttempt): AttemptOutput;
}

export interface WorkerPartsOptions extends RegisteredDevice {
  /** It is open. */
  link: WorkerLink;
  capabilities: Record<string, unknown>;
  slots: number;
  handlers: Map<string, Handler>;
  /** Of the worker: what stands in it under a telling name is shown nowhere. */
  env: Record<string, string | undefined>;
  /** By task type (`handlers.*.max`). */
  maxima: ReadonlyMap<string, number>;
  board: PulseBoard;
  /** False = nothing is claimed now. */
  mayClaim(): boolean;
  /** The number of slots in use changed. */
  onBusy(): void;
  onPermission(permission: ClaimPermission): void;
  onIdle(): void;
}

export function assembleWorker(context: Context, options: WorkerPartsOptions): WorkerParts {
  const { config, events, log } = context;
  const { master, worker } = config;
  const { link, deviceId, instanceToken, slots, handlers, maxima, board, mayClaim } = options;
  const timings = new TaskTimings();
  // What is taken ahead for an outage waits for as long as that lasts.
  const ahead = worker.gateway !== undefined && worker.prefetch > 0;
  const prefetchTtlMs = ahead ? Number.POSITIVE_INFINITY : PREFETCH_TTL_MS;
  const payloads = new Payloads();
  const attempts: HeldAttempts = new HeldAttempts({
    events,
    timings,
    returned: (taskType) => finding.returned(taskType),
    startFlushAfterMs: worker.start_flush_after * 1000,
    prefetchTtlMs,
    deadlineSlackS: master.deadline_slack,
  });
  const warn = (message: string) => events.emit('warning', { message });
  const ports = link.ports({ deviceId, instanceToken });
  const reporter = new Reporter({ port: ports.reports, deviceId, onLost: ({ key }) => attempts.lost(key), warn });
  const { run_log_folder: folder, run_log_bytes: most } = worker;
  const files =
    folder === undefined ? undefined : new LogFiles({ folder: resolve(context.resolved.baseDir, folder), most, warn });
  const logs = new RunLogs({ port: ports.logs, events, files });
  log.hide(ownSecrets({ handlers: config.handlers, env: options.env, others: [] }));
  const { known } = context;
  const masked = (attempt: RunningAttempt, text: string) => redactText(text, { mask: maskOf(known, attempt) });
  const outputOf = (attempt: RunningAttempt) => attemptOutput({ config, deviceId, files, log, logs, known }, attempt);
  const runner: Runner = new Runner({
    slots,
    deviceId,
    handlers,
    maxima,
    // These two are the fleet's, and it may change them while we run.
    get defaultTimeoutS() {
      return master.task_timeout;
    },
    board,
    attempts,
    payloads,
    events,
    prefetchTtlMs,
    stuckAfterMs: worker.kill_grace * 2000 + 1000,
    outputOf,
    reports: reporter,
    secrets: (request) => reporter.secrets(request),
    hide: (texts) => log.hide(texts),
    masked,
    reportOf: (attempt, complain) => reporter.report(attempt, { complain, masked: (text) => masked(attempt, text) }),
    onFinish: (finish) => {
      finding.ended(finish);
      claimer.finish(finish);
    },
    onSlots: (placeFree) => {
      options.onBusy();
      finding.changed();
      claimer.wake(placeFree);
    },
  });
  const finding: Finding = link.find({
    ...{ deviceId, instanceToken, capabilities: options.capabilities, taskTypes: [...handlers.keys()] },
    ...{ runner, attempts, timings, board, mayClaim },
    rooms: new TypeRooms(runner, timings),
    claims: {
      ...{ events, payloads, runner, attempts },
      onExchange: (exchange) => {
        timings.claimed(monotonic() - exchange.began);
        finding.onExchange(exchange);
      },
      onReconciled: (result) => {
        const { place, checkpoint, outcome, task_id, attempt } =
          result.kind === 'accepted' ? result.end.finish : result.finish;
        if (place !== undefined) board.release(place);
        const done = outcome.kind === 'done' && result.kind !== 'lost';
        if (checkpoint === true && done) reporter.done({ task_id, attempt });
        attempts.reconciled(result);
        finding.onReconciled(result);
      },
      onPermission: (permission) => {
        finding.onPermission(permission);
        options.onPermission(permission);
      },
      onIdle: options.onIdle,
    },
  });
  const { claimer } = finding;
  return { finding, attempts, runner, claimer, reporter, logs, outputOf };
}
