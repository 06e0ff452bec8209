// Puts the parts of a worker together: what knows where work is, what claims it, what runs it, what keeps track of it.

import type { Context } from '../context/context.ts';
import type { ClaimPermission } from '../db/claim/finish-and-claim.ts';
import type { Session } from '../db/session.ts';
import { insertTasks } from '../db/tasks/insert-tasks.ts';
import { backoff } from '../domain/attempt/retry.ts';
import { claimRank, laneKey } from '../domain/lane.ts';
import type { Handler } from '../handlers/handler.ts';
import type { PulseBoard } from '../node/pulse-board.ts';
import { monotonic } from '../runtime/clock.ts';
import { Claimer } from './claim/claimer.ts';
import { LaneCatalog } from './claim/lane-catalog.ts';
import { MinScoreRule } from './claim/min-score-rule.ts';
import { Poller } from './claim/poller.ts';
import { PREFETCH_TTL_MS, SHORT_MS, TaskTimings } from './claim/task-timings.ts';
import { HeldAttempts } from './run/held-attempts.ts';
import { Runner } from './run/runner.ts';
import type { WorkerRing } from './worker-ring.ts';

export interface WorkerParts {
  catalog: LaneCatalog;
  minScore: MinScoreRule;
  poller: Poller;
  attempts: HeldAttempts;
  runner: Runner;
  claimer: Claimer;
}

export interface WorkerPartsOptions {
  session: Session;
  deviceId: string;
  instanceToken: Buffer;
  capabilities: Record<string, unknown>;
  slots: number;
  handlers: Map<string, Handler>;
  ring: WorkerRing;
  board: PulseBoard;
  mayClaim(): boolean;
  onClaimed(count: number): void;
  /** The number of slots in use changed. */
  onBusy(): void;
  onPermission(permission: ClaimPermission): void;
  onIdle(): void;
}

export function assembleWorker(context: Context, options: WorkerPartsOptions): WorkerParts {
  const { config, names, events, log } = context;
  const { master, worker } = config;
  const { session, deviceId, instanceToken, slots, handlers, ring, board } = options;
  /** Generation of the board when a claim was last planned; claims are planned one at a time. */
  let planned = board.generation;
  const minScore = new MinScoreRule(deviceId, config.load_balancer, () => runner.occupied);
  const catalog = new LaneCatalog(deviceId, options.capabilities, (lane) => minScore.defers(lane));
  // Where most tasks are: polled from the start, so that the first one of a type is found without being published.
  catalog.learn(
    [...handlers.keys()].map((type) => ({
      lane: laneKey(type, null),
      claim_rank: claimRank(null),
      task_type: type,
      required_capabilities: null,
    })),
  );
  const poller = new Poller({
    session,
    names,
    catalog,
    deviceId,
    pollIntervalMs: worker.task_poll_interval * 1000,
  });
  const timings = new TaskTimings();
  const attempts = new HeldAttempts({
    events,
    catalog,
    timings,
    startFlushAfterMs: worker.start_flush_after * 1000,
    deadlineSlackS: master.deadline_slack,
  });
  const runner: Runner = new Runner({
    slots,
    deviceId,
    handlers,
    // These two are the fleet's, and it may change them while we run.
    get defaultTimeoutS() {
      return master.task_timeout;
    },
    board,
    prefetchTtlMs: PREFETCH_TTL_MS,
    stuckAfterMs: worker.kill_grace * 2000 + 1000,
    logOf: ({ task_id, task_type, attempt }) => log.child({ task_id, task_type, attempt }),
    onStarted: ({ task_id, task_type, attempt }) => events.emit('task:started', { task_id, task_type, attempt }),
    onFinish: (finish, attempt) => {
      ring.onFinish(finish, attempt.stop.reason === 'lost');
      attempts.onFinish(finish, attempt, claimer);
      if (attempt.stop.reason === 'lost' && finish.place !== undefined) board.release(finish.place);
      if (runner.open === 0) timings.rest();
    },
    payloadOf: (claim) => claimer.payloads.fetch(claim),
    onStuck: ({ task_id, task_type, attempt }) => {
      events.emit('task:stuck', { task_id, task_type, attempt });
      options.onBusy();
    },
    onFree: () => {
      options.onBusy();
      ring.changed();
      claimer.wake();
    },
  });
  const claimer: Claimer = new Claimer({
    session,
    names,
    catalog,
    poller,
    deviceId,
    instanceToken,
    policy: {
      get maxRetryCount() {
        return master.max_retry_count;
      },
      backoff: (retry) => backoff(retry, master.retry_backoff),
    },
    leaseOf: (task) => runner.timeoutOf(task) + master.deadline_slack,
    timings,
    room: (prefetch) => {
      planned = board.generation;
      return options.mayClaim() ? runner.room(prefetch) : 0;
    },
    shortSlots: () => runner.slotsYounger(SHORT_MS),
    limit: (room) => ring.limit(room),
    othersRun: (ended) => runner.busy > ended,
    onClaimed: (claimed, token) => {
      attempts.busyAt = monotonic();
      options.onClaimed(claimed.length);
      for (const one of claimed) {
        events.emit('task:claimed', { task_id: one.id, task_type: one.task_type, attempt: one.attempt + 1 });
        runner.start(one, token, planned);
      }
      if (runner.open > 0) timings.begin();
      options.onBusy();
      ring.changed();
    },
    onExchange: (exchange) => {
      timings.claimed(monotonic() - exchange.began);
      ring.onExchange(exchange);
    },
    onReconciled: (result) => {
      const { place } = result.kind === 'accepted' ? result.end.finish : result.finish;
      if (place !== undefined) board.release(place);
      attempts.onReconciled(result);
      ring.onReconciled(result);
    },
    onPermission: (permission) => {
      ring.onPermission(permission);
      options.onPermission(permission);
    },
    onWarning: (message) => events.emit('warning', { message }),
    onTrouble: (cause) => events.emit('work:troubled', { cause }),
    onAside: (aside) => events.emit('task:set-aside', aside),
    insertTasks: async (tasks, parentId) => {
      await insertTasks(session, names, tasks, { maxRetryCount: master.max_retry_count, parentId });
      poller.discoverNow();
    },
    returnPrefetched: () => runner.returnPrefetched(),
    dueToMaterialize: () => attempts.dueToMaterialize(runner),
    onMaterialized: (asked, rows) => attempts.onMaterialized(asked, rows, runner),
    dueStarts: () => attempts.dueStarts(runner),
    nextStartMs: () => attempts.nextStartMs(runner),
    onUnwritable: (one, error) => attempts.onUnwritable(one, error, runner),
    onStartsLost: (ids) => attempts.onStartsLost(ids, runner),
    onIdle: options.onIdle,
  });
  const taskTypes = [...handlers.keys()];
  const { mayClaim: accepting } = options;
  ring.attach({ session, deviceId, taskTypes, catalog, runner, wake: () => claimer.wake(), accepting });
  return { catalog, minScore, poller, attempts, runner, claimer };
}
