// Puts the parts of a worker together: what knows where work is, what claims it, what runs it, what keeps track of it.

import { resolve } from 'node:path';
import type { Context } from '../context/context.ts';
import type { ClaimPermission } from '../db/claim/finish-and-claim.ts';
import { Session } from '../db/session.ts';
import { backoff } from '../domain/attempt/retry.ts';
import type { LaneRequirements } from '../domain/eligibility.ts';
import { claimRank, laneKey } from '../domain/lane.ts';
import type { Handler } from '../handlers/handler.ts';
import type { PulseBoard } from '../node/pulse-board.ts';
import { monotonic } from '../runtime/clock.ts';
import { ClaimPlanner } from './claim/claim-planner.ts';
import { Claimer } from './claim/claimer.ts';
import { LaneCatalog } from './claim/lane-catalog.ts';
import { MinScoreRule } from './claim/min-score-rule.ts';
import { Payloads } from './claim/payloads.ts';
import { Poller } from './claim/poller.ts';
import { PREFETCH_TTL_MS, TaskTimings } from './claim/task-timings.ts';
import { TypeRooms } from './claim/type-rooms.ts';
import type { AttemptOutput } from './log/attempt-output.ts';
import { LogFiles } from './log/log-files.ts';
import { attemptOutput, maskOf } from './log/run-log-policy.ts';
import { RunLogs } from './log/run-logs.ts';
import { workerSecrets } from './log/secrets.ts';
import { Reporter } from './report/reporter.ts';
import { HeldAttempts } from './run/held-attempts.ts';
import { Runner } from './run/runner.ts';
import type { RunningAttempt } from './run/running-attempt.ts';
import type { WorkerRing } from './worker-ring.ts';

export interface WorkerParts {
  catalog: LaneCatalog;
  minScore: MinScoreRule;
  poller: Poller;
  attempts: HeldAttempts;
  runner: Runner;
  claimer: Claimer;
  reporter: Reporter;
  /** Not started. */
  logs: RunLogs;
  outputOf(attempt: RunningAttempt): AttemptOutput;
}

export interface WorkerPartsOptions {
  session: Session;
  deviceId: string;
  instanceToken: Buffer;
  capabilities: Record<string, unknown>;
  slots: number;
  handlers: Map<string, Handler>;
  /** Of the worker: what stands in it under a telling name is masked in run logs. */
  env: Record<string, string | undefined>;
  /** By task type (`handlers.*.max`). */
  maxima: ReadonlyMap<string, number>;
  ring: WorkerRing;
  board: PulseBoard;
  /** False = nothing is claimed now. */
  mayClaim(): boolean;
  /** The number of slots in use changed. */
  onBusy(): void;
  onPermission(permission: ClaimPermission): void;
  onIdle(): void;
}

export function assembleWorker(context: Context, options: WorkerPartsOptions): WorkerParts {
  const { config, names, events, log } = context;
  const { master, worker } = config;
  const { session, deviceId, instanceToken, slots, handlers, maxima, ring, board, mayClaim } = options;
  const minScore = new MinScoreRule(deviceId, config.load_balancer, () => runner.occupied);
  const leavesOut = (lane: LaneRequirements) => rooms.closed(lane.task_type) || minScore.defers(lane);
  const catalog = new LaneCatalog(deviceId, options.capabilities, leavesOut);
  // Where most tasks are: polled from the start, so that the first one of a type is found without being published.
  catalog.learn(
    [...handlers.keys()].map((type) => ({
      lane: laneKey(type, null),
      claim_rank: claimRank(null),
      task_type: type,
      required_capabilities: null,
    })),
  );
  const pollIntervalMs = worker.task_poll_interval * 1000;
  const poller = new Poller({ session, names, catalog, deviceId, pollIntervalMs });
  const timings = new TaskTimings();
  const payloads = new Payloads();
  const attempts = new HeldAttempts({
    events,
    catalog,
    timings,
    startFlushAfterMs: worker.start_flush_after * 1000,
    deadlineSlackS: master.deadline_slack,
  });
  const { address, timeZone, idleTimeoutS, deadlineMs } = session.options;
  const warn = (message: string) => events.emit('warning', { message });
  const reporter = new Reporter({
    openSession: () => new Session({ address, timeZone, idleTimeoutS, deadlineMs, multiStatements: false }),
    names,
    deviceId,
    onLost: ({ key }) => attempts.lost(key),
    warn,
  });
  const { run_log_folder: folder, run_log_bytes: most } = worker;
  const files =
    folder === undefined ? undefined : new LogFiles({ folder: resolve(context.resolved.baseDir, folder), most, warn });
  const logs = new RunLogs({ names, events, files, openSession: () => context.session({ multiStatements: true }) });
  const secrets = workerSecrets(config.handlers, options.env, context.address.password);
  const masked = (attempt: RunningAttempt, text: string) => maskOf(secrets, attempt).apply(text);
  const outputOf = (attempt: RunningAttempt) => attemptOutput({ config, deviceId, files, log, logs, secrets }, attempt);
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
    prefetchTtlMs: PREFETCH_TTL_MS,
    stuckAfterMs: worker.kill_grace * 2000 + 1000,
    outputOf,
    reports: reporter,
    masked,
    reportOf: (attempt, complain) => reporter.report(attempt, { complain, masked: (text) => masked(attempt, text) }),
    onFinish: (finish) => claimer.finish(finish),
    onSlots: (placeFree) => {
      options.onBusy();
      ring.changed();
      claimer.wake(placeFree);
    },
  });
  const rooms: TypeRooms = new TypeRooms(runner, timings);
  const planner = new ClaimPlanner({
    session,
    names,
    events,
    catalog,
    poller,
    slots: runner,
    rooms,
    board,
    master,
    mayClaim,
    limit: (room) => ring.limit(room),
  });
  const claimer: Claimer = new Claimer({
    session,
    names,
    deviceId,
    instanceToken,
    policy: {
      get maxRetryCount() {
        return master.max_retry_count;
      },
      backoff: (retry) => backoff(retry, master.retry_backoff),
    },
    events,
    planner,
    poller,
    payloads,
    runner,
    attempts,
    onExchange: (exchange) => {
      timings.claimed(monotonic() - exchange.began);
      ring.onExchange(exchange);
    },
    onReconciled: (result) => {
      const { place, checkpoint, outcome, task_id, attempt } =
        result.kind === 'accepted' ? result.end.finish : result.finish;
      if (place !== undefined) board.release(place);
      if (checkpoint === true && outcome.kind === 'done' && result.kind !== 'lost') reporter.done({ task_id, attempt });
      attempts.reconciled(result);
      ring.onReconciled(result);
    },
    onPermission: (permission) => {
      ring.onPermission(permission);
      options.onPermission(permission);
    },
    onIdle: options.onIdle,
  });
  ring.attach({ session, deviceId, taskTypes: [...handlers.keys()], catalog, runner, claimer, mayClaim });
  return { catalog, minScore, poller, attempts, runner, claimer, reporter, logs, outputOf };
}
