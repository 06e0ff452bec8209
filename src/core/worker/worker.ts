// `afd worker`: wires the liveness thread, the claimer and the runner, and decides when to stop.

import { monotonic } from '../clock.ts';
import type { Context } from '../context.ts';
import { insertTasks } from '../db/queries/insert-tasks.ts';
import type { LanePair, TickView } from '../db/queries/tick.ts';
import type { Session } from '../db/session.ts';
import { AfdError } from '../domain/errors.ts';
import { backoff } from '../domain/retry.ts';
import type { Handler } from '../handlers/handler.ts';
import { Leadership } from '../leader/leadership.ts';
import { sleep } from '../runtime/loop.ts';
import { AttemptDesk } from './attempt-desk.ts';
import { Claimer } from './claimer.ts';
import { closeEarlierInstances } from './earlier-instances.ts';
import { LaneBook } from './lane-book.ts';
import { LivenessClient } from './liveness-client.ts';
import { nodeReport } from './liveness-events.ts';
import type { LivenessReport } from './liveness-messages.ts';
import { livenessSettings, type NodeFacts } from './liveness-settings.ts';
import { Runner } from './runner.ts';
import { Scout } from './scout.ts';

/** `forever` until told to stop · `once` one claim for the free slots · `drain` until nothing that it may run is due. */
export type WorkerMode = 'forever' | 'once' | 'drain';

export interface WorkerOptions extends NodeFacts {
  mode: WorkerMode;
  handlers: Map<string, Handler>;
  /** Stop claiming, finish what runs, at most shutdown_timeout. */
  drain: AbortSignal;
  /** Give everything back at once. */
  force: AbortSignal;
}

export interface WorkerResult {
  device_id: string;
  /** Attempts by how they ended. */
  finished: Record<string, number>;
  /** Everything was finished or released before the shutdown deadline and without force. */
  inTime: boolean;
  reason: string;
}

export class Worker {
  readonly #context: Context;
  readonly #options: WorkerOptions;
  readonly #capabilities: Record<string, unknown>;
  readonly #slots: number;
  #session!: Session;
  #liveness!: LivenessClient;
  #leadership: Leadership | undefined;
  #book!: LaneBook;
  #scout!: Scout;
  #desk!: AttemptDesk;
  #runner: Runner | undefined;
  #claimer: Claimer | undefined;
  #deviceId = '';
  #operatorState = 'active';
  #claimedOnce = false;
  /** The pairs that the thread was last told to look at. */
  #asked: LanePair[] = [];
  #finish!: { done: (reason: string) => void; fail: (error: unknown) => void };

  constructor(context: Context, options: WorkerOptions) {
    this.#context = context;
    this.#options = options;
    this.#capabilities = { ...context.config.worker.capabilities, supported_tasks: [...options.handlers.keys()] };
    this.#slots = context.config.worker.max_concurrent_tasks;
  }

  /**
   * Lives until it is told to stop, or until there is nothing more to do (`once`, `drain`).
   * @throws AfdError E_DEVICE_RUNNING, E_SUPERSEDED, E_STUCK, E_INTERNAL, or a DatabaseError at start
   */
  async run(): Promise<WorkerResult> {
    const { config, events, names } = this.#context;
    const ended = new Promise<string>((done, fail) => {
      this.#finish = { done, fail };
    });
    this.#session = await this.#context.session({ multiStatements: true });
    const instanceToken = await this.#register();
    const { runner, claimer } = this.#build(instanceToken);
    let claiming: Promise<void> = Promise.resolve();
    try {
      const { max_retry_count, retry_backoff, lost_backoff } = config.master;
      const device = { deviceId: this.#deviceId, instanceToken };
      await closeEarlierInstances(this.#session, names, device, { max_retry_count, retry_backoff, lost_backoff });
      const task_types = [...this.#options.handlers.keys()];
      events.emit('worker:started', {
        device_id: this.#deviceId,
        slots: this.#slots,
        task_types,
        server: this.#session.where,
      });
      const { drain } = this.#options;
      if (drain.aborted) this.#finish.done('asked to stop');
      drain.addEventListener('abort', () => this.#finish.done('asked to stop'), { once: true });
      claiming = claimer.run();
      claiming.catch(this.#finish.fail);
      const watching = setInterval(() => this.#watchStuck(), 1000);
      const reason = await ended.finally(() => clearInterval(watching));
      const inTime = await this.#drain(runner, claimer, claiming);
      events.emit('worker:stopped', { device_id: this.#deviceId, reason });
      return { device_id: this.#deviceId, finished: this.#desk.finished, inTime, reason };
    } catch (error) {
      // The node may not go on, so nothing that runs here may. What is left open is taken back by the others.
      runner.abortAll('lost');
      await Promise.race([runner.drained(), sleep(config.worker.kill_grace * 2000 + 1000)]);
      throw error;
    } finally {
      claimer.abandon();
      await this.#leadership?.stop();
      this.#liveness.send({ kind: 'stop' });
      await this.#liveness.ended;
    }
  }

  async #register(): Promise<Buffer> {
    const { config } = this.#context;
    const { drain, mode } = this.#options;
    const contend = config.worker.leader && mode === 'forever';
    const role = { deviceType: 'worker' as const, capabilities: this.#capabilities, slots: this.#slots, contend };
    const settings = livenessSettings(this.#context, this.#options, role);
    return new Promise<Buffer>((resolve, reject) => {
      this.#liveness = new LivenessClient(settings, (report) => {
        if (report.kind === 'registered') {
          this.#deviceId = report.deviceId;
          resolve(report.instanceToken);
        }
        this.#onReport(report);
      });
      void this.#liveness.ended.then((error) => {
        const reason = error ?? new AfdError('E_TEMPORARY', 'The worker was told to stop before it had started.');
        reject(reason);
        this.#finish.fail(reason);
      });
      // A process that waits for a device id must be stoppable too.
      drain.addEventListener('abort', () => this.#deviceId === '' && this.#liveness.send({ kind: 'stop' }), {
        once: true,
      });
    });
  }

  #build(instanceToken: Buffer): { runner: Runner; claimer: Claimer } {
    const { config, names, events, log } = this.#context;
    const { master, worker } = config;
    const deviceId = this.#deviceId;
    const session = this.#session;
    this.#leadership = new Leadership(this.#context, deviceId);
    this.#book = new LaneBook(deviceId, this.#capabilities);
    const book = this.#book;
    this.#scout = new Scout({ session, names, book, deviceId, pollIntervalMs: worker.task_poll_interval * 1000 });
    const scout = this.#scout;
    this.#desk = new AttemptDesk({
      events,
      book,
      startFlushAfterMs: worker.start_flush_after * 1000,
      deadlineSlackS: master.deadline_slack,
    });
    const desk = this.#desk;
    const runner: Runner = new Runner({
      slots: this.#slots,
      deviceId,
      handlers: this.#options.handlers,
      defaultTimeoutS: master.task_timeout,
      stuckAfterMs: worker.kill_grace * 2000 + 1000,
      logOf: ({ task_id, task_type, attempt }) => log.child({ task_id, task_type, attempt }),
      onStarted: ({ task_id, task_type, attempt }) => events.emit('task:started', { task_id, task_type, attempt }),
      onFinish: (finish, attempt) => desk.onFinish(finish, attempt, claimer),
      onStuck: ({ task_id, task_type, attempt }) => events.emit('task:stuck', { task_id, task_type, attempt }),
      onFree: () => {
        this.#liveness.send({ kind: 'running', count: runner.busy });
        claimer.wake();
      },
    });
    const claimer: Claimer = new Claimer({
      session,
      names,
      book,
      scout,
      deviceId,
      instanceToken,
      policy: { maxRetryCount: master.max_retry_count, backoff: (retry) => backoff(retry, master.retry_backoff) },
      leaseOf: (task) => runner.timeoutOf(task) + master.deadline_slack,
      freeSlots: () => (this.#options.mode === 'once' && this.#claimedOnce ? 0 : runner.free),
      onClaimed: (claimed, token) => {
        this.#claimedOnce = true;
        desk.busyAt = monotonic();
        for (const one of claimed) {
          events.emit('task:claimed', { task_id: one.id, task_type: one.task_type, attempt: one.attempt + 1 });
          runner.start(one, token);
        }
        this.#liveness.send({ kind: 'running', count: runner.busy });
      },
      onVerdict: (verdict) => desk.onVerdict(verdict),
      onGate: (gate) => {
        if (gate === 'superseded' || gate === 'missing') this.#liveness.send({ kind: 'tick' });
      },
      onWarning: (message) => events.emit('warning', { message }),
      insertTasks: async (tasks, parentId) => {
        await insertTasks(session, names, tasks, { maxRetryCount: master.max_retry_count, parentId });
        scout.scanNow();
      },
      dueStarts: () => desk.dueStarts(runner),
      nextStartMs: () => desk.nextStartMs(runner),
      onStartsLost: (ids) => desk.onStartsLost(ids, runner),
      onIdle: () => this.#onIdle(runner, claimer),
    });
    this.#runner = runner;
    this.#claimer = claimer;
    return { runner, claimer };
  }

  /** `once` and `drain` end when a look that began after the last task found nothing. */
  #onIdle(runner: Runner, claimer: Claimer): void {
    const { mode } = this.#options;
    if (mode === 'forever' || runner.busy > 0 || claimer.unwritten > 0) return;
    const looked = this.#scout.lookedAt > this.#desk.busyAt;
    if (looked || (mode === 'once' && this.#claimedOnce)) this.#finish.done('nothing more to do');
    else this.#scout.scanNow();
  }

  #onReport(report: LivenessReport): void {
    const { config, events } = this.#context;
    if (report.kind === 'view') this.#onView(report.at, report.view);
    else if (report.kind === 'leader-gained') this.#leadership?.gained(report.term);
    else if (report.kind === 'leader-lost') void this.#leadership?.lost(report.term, report.reason);
    else if (report.kind === 'patience-over') {
      events.emit('database:patience-over', { policy: config.worker.on_lost_database });
      if (config.worker.on_lost_database === 'stop') this.#runner?.abortAll('database');
    } else {
      if (report.kind === 'database-back') this.#leadership?.reconnected();
      nodeReport(report, events, this.#deviceId);
    }
  }

  #onView(at: number, view: TickView): void {
    const [runner, claimer] = [this.#runner, this.#claimer];
    if (runner === undefined || claimer === undefined) return;
    this.#scout.leaderLives = view.leader.live;
    this.#book.learn(view.lanes);
    this.#book.markDue(
      view.due.flatMap((n) => this.#asked[n] ?? []),
      view.directed,
    );
    this.#asked = this.#book.pairs();
    this.#liveness.send({ kind: 'pairs', pairs: this.#asked });
    const state = view.device?.operator_state;
    if (state !== undefined && state !== this.#operatorState) {
      this.#operatorState = state;
      this.#context.events.emit('device:operator-state', { device_id: this.#deviceId, operator_state: state });
    }
    if (view.open !== undefined) this.#desk.compare(at, view.open, runner, claimer);
    if (view.due.length > 0 || view.directed) claimer.wake();
  }

  #stuckSince: number | undefined;

  #watchStuck(): void {
    const attempts = this.#runner?.attempts() ?? [];
    const all = attempts.length >= this.#slots && attempts.every((one) => one.state === 'stuck');
    this.#stuckSince = all ? (this.#stuckSince ?? monotonic()) : undefined;
    const limit = this.#context.config.worker.stuck_timeout;
    if (this.#stuckSince === undefined || monotonic() - this.#stuckSince < limit * 1000) return;
    this.#finish.fail(
      new AfdError(
        'E_STUCK',
        `All ${this.#slots} slots have been held for ${limit} s by handlers that ignore their abort signal.`,
        {
          suggestions: ['afd tasks ls --status running'],
        },
      ),
    );
  }

  /** First stage: no claims, what runs may finish. Second: released. Returns whether all of it was written in time. */
  async #drain(runner: Runner, claimer: Claimer, claiming: Promise<void>): Promise<boolean> {
    const { config, events } = this.#context;
    const { force } = this.#options;
    const { shutdown_timeout, kill_grace } = config.worker;
    claimer.claiming = false;
    if (runner.busy > 0) events.emit('worker:draining', { running: runner.busy, deadline_s: shutdown_timeout });
    const forced = new Promise<'forced'>((resolve) => {
      if (force.aborted) resolve('forced');
      force.addEventListener('abort', () => resolve('forced'), { once: true });
    });
    const over = new AbortController();
    const deadline = sleep(shutdown_timeout * 1000, over.signal).then(() => 'deadline' as const);
    const first = await Promise.race([runner.drained().then(() => 'finished' as const), deadline, forced]);
    runner.abortAll('shutdown');
    claimer.stop();
    const written = runner.drained().then(() => claiming);
    const lastCall = sleep((kill_grace * 2 + config.database.call_timeout + 1) * 1000, over.signal);
    const end = await Promise.race([
      written.then(() => 'written' as const),
      first === 'finished' ? deadline : lastCall,
    ]);
    over.abort();
    return first === 'finished' && end === 'written';
  }
}
