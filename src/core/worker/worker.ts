// `afd worker`: wires the liveness thread, the claimer and the runner, and decides when to stop.
import type { Context } from '../context/context.ts';
import { StartWait } from '../context/start-wait.ts';
import { hasLimits } from '../domain/placement/resource-limits.ts';
import { maximaPublished, typeMaxima } from '../domain/type-max.ts';
import { TermDuties } from '../leader/term-duties.ts';
import { beginLiveness, endsWithinS } from '../node/begin-liveness.ts';
import type { LivenessClient } from '../node/liveness-client.ts';
import { nodeReport } from '../node/liveness-events.ts';
import type { LivenessReport, NodeView, WorkSession } from '../node/liveness-messages.ts';
import { livenessSettings, obeyFleet } from '../node/liveness-settings.ts';
import type { PulseBoard } from '../node/pulse-board.ts';
import { eitherSignal } from '../runtime/either-signal.ts';
import { sleep } from '../runtime/loop.ts';
import { DatabaseLink } from './database-link.ts';
import { drain } from './drain.ts';
import { GatewayLink } from './gateway-link.ts';
import { Printed } from './run/printed.ts';
import { StuckTeller } from './run/stuck-teller.ts';
import { watchStuck } from './run/stuck-watch.ts';
import type { WorkerLink } from './worker-link.ts';
import type { WorkerOptions, WorkerResult } from './worker-options.ts';
import { assembleWorker, type WorkerParts } from './worker-parts.ts';

export class Worker {
  readonly #context: Context;
  readonly #options: WorkerOptions;
  readonly #capabilities: Record<string, unknown>;
  readonly #slots: number;
  readonly #maxima: ReadonlyMap<string, number>;
  #leaseTrust!: StartWait;
  #liveness: LivenessClient | undefined;
  readonly #link: WorkerLink;
  /** The connection over which this thread works. */
  #work: WorkSession | undefined;
  #leadership: TermDuties | undefined;
  #parts: WorkerParts | undefined;
  #deviceId = '';
  #operatorState = 'active';
  /** Resource limits that the machine is over; undefined = it has limits, and they were not compared yet. */
  #overLimits: string[] | undefined;
  #finish!: { done: (reason: string) => void; fail: (error: unknown) => void };

  constructor(context: Context, options: WorkerOptions) {
    this.#context = context;
    this.#options = options;
    const { gateway: urls } = context.config.worker;
    this.#link =
      urls === undefined
        ? new DatabaseLink(context, (session) => this.#onSession(session))
        : new GatewayLink(context, { ...options, urls, send: (command) => this.#liveness?.send(command) });
    const { capabilities, region } = context.config.worker;
    // Where a device is can be required like anything else that it has.
    const place = region === undefined ? {} : { region };
    const types = [...options.handlers.keys()];
    this.#maxima = typeMaxima(types, context.config.handlers);
    this.#capabilities = { ...capabilities, ...place, ...maximaPublished(this.#maxima), supported_tasks: types };
    this.#slots = context.config.worker.max_concurrent_tasks;
    this.#overLimits = hasLimits(context.config.worker.resource_limits) ? undefined : [];
  }

  /**
   * Lives until it is stopped, or until there is nothing more to do (`once`, `drain`).
   * @throws AfdError E_DEVICE_RUNNING, E_SUPERSEDED, E_STUCK, E_UNCAUGHT, E_INTERNAL, or a DatabaseError at start
   */
  async run(): Promise<WorkerResult> {
    const { config, events } = this.#context;
    const ended = new Promise<string>((done, fail) => {
      this.#finish = { done, fail };
    });
    // Read below; `#register` reports a failure before that.
    ended.catch(() => {});
    const { drain: stop, waitDatabaseS: seconds = 0 } = this.#options;
    this.#leaseTrust = new StartWait({ seconds, events, stop });
    await this.#leaseTrust.run(() => this.#link.open());
    const instanceToken = await this.#register();
    const { runner, claimer, attempts } = this.#build(instanceToken, this.#liveness!.board);
    try {
      const { max_retry_count, retry_backoff, lost_backoff } = config.master;
      const device = { deviceId: this.#deviceId, instanceToken };
      const policy = { max_retry_count, retry_backoff, lost_backoff };
      await this.#leaseTrust.run(() => this.#link.registered(device, policy));
      const task_types = [...this.#options.handlers.keys()];
      const { where: server } = this.#link;
      events.emit('worker:started', { device_id: this.#deviceId, slots: this.#slots, task_types, server });
      const asked = this.#options.drain;
      if (asked.aborted) this.#finish.done('asked to stop');
      asked.addEventListener('abort', () => this.#finish.done('asked to stop'), { once: true });
      void claimer.start();
      claimer.finished.catch(this.#finish.fail);
      const unwatch = watchStuck(runner, this.#slots, config.worker.stuck_timeout, this.#finish.fail);
      const reason = await ended.finally(unwatch);
      const { strays, force: forced } = this.#options;
      const force = strays === undefined ? forced : eitherSignal(forced, strays.signal);
      const inTime = await drain(this.#context, { runner, claimer, force });
      events.emit('worker:stopped', { device_id: this.#deviceId, reason });
      if (strays?.fatal !== undefined) throw strays.fatal;
      const overLimits =
        this.#options.mode !== 'forever' && this.#overLimits !== undefined && this.#overLimits.length > 0;
      return { device_id: this.#deviceId, finished: attempts.finished, inTime, overLimits, reason };
    } catch (error) {
      // The node may not go on, so nothing that runs here may. What is left open is taken back by the others.
      runner.abortAll('lost');
      await Promise.race([runner.drained(), sleep(config.worker.kill_grace * 2000 + 1000)]);
      throw error;
    } finally {
      claimer.abandon();
      await this.#link.close();
      await this.#leadership?.stop();
      await this.#liveness?.stop();
      await Promise.all([this.#parts?.reporter.stop(), this.#parts?.logs.stop()]);
    }
  }

  async #register(): Promise<Buffer> {
    const { config } = this.#context;
    const { drain: asked, mode } = this.#options;
    const contend = config.worker.leader && mode === 'forever' && config.worker.gateway === undefined;
    const { rung: ring } = this.#link;
    const role = { deviceType: 'worker' as const, capabilities: this.#capabilities, slots: this.#slots, contend, ring };
    const settings = livenessSettings(this.#context, this.#options, role);
    settings.waitDatabaseMs = this.#leaseTrust.leftMs;
    const { client, registered } = beginLiveness(settings, {
      onReport: (report) => this.#onReport(report),
      onBeat: () => this.#onBeat(),
      onEnded: this.#finish.fail,
      stop: asked,
      endsWithinS: endsWithinS(config),
    });
    this.#liveness = client;
    if (this.#work !== undefined) client.send({ kind: 'work-session', ...this.#work });
    return (await registered).instanceToken;
  }

  #onSession(session: WorkSession): void {
    this.#work = session;
    this.#liveness?.send({ kind: 'work-session', ...session });
  }

  /** Attempts claimed so far. */
  get #claimed(): number {
    return this.#parts?.attempts.claimed ?? 0;
  }

  #build(instanceToken: Buffer, board: PulseBoard): WorkerParts {
    this.#leadership = new TermDuties(this.#context, this.#deviceId, () => this.#parts?.finding.sender);
    void this.#leadership.start();
    this.#leadership.finished.catch(this.#finish.fail);
    const parts = assembleWorker(this.#context, {
      link: this.#link,
      deviceId: this.#deviceId,
      instanceToken,
      capabilities: this.#capabilities,
      slots: this.#slots,
      handlers: this.#options.handlers,
      env: this.#options.env,
      maxima: this.#maxima,
      board,
      mayClaim: () =>
        board.open && this.#overLimits?.length === 0 && (this.#options.mode !== 'once' || this.#claimed === 0),
      onBusy: () => this.#tellBusy(),
      onPermission: (permission) => {
        if (['superseded', 'missing', 'offline'].includes(permission)) this.#liveness?.send({ kind: 'heartbeat' });
      },
      onIdle: () => this.#onIdle(),
    });
    this.#parts = parts;
    const { strays, handlers } = this.#options;
    const { events, log } = this.#context;
    for (const one of [parts.logs, parts.reporter]) void one.start();
    parts.reporter.finished.catch(this.#finish.fail);
    const printed = new Printed(parts.runner, handlers, log, parts.outputOf);
    strays?.attach({ runner: parts.runner, handlers, events, printed });
    strays?.signal.addEventListener('abort', () => this.#finish.done('an uncaught error'), { once: true });
    return parts;
  }

  #busyTold = true;
  readonly #stuck = new StuckTeller();

  /** Slots come and go thousands of times a second; the thread needs to know the last figure only. */
  #tellBusy(): void {
    if (!this.#busyTold) return;
    this.#busyTold = false;
    setImmediate(() => {
      this.#busyTold = true;
      this.#liveness?.send({ kind: 'running', count: this.#parts?.runner.occupied ?? 0, claimed: this.#claimed });
      if (this.#parts !== undefined && this.#liveness !== undefined)
        this.#stuck.tell(this.#parts.runner, this.#liveness);
    });
  }

  /** `once` and `drain` end when a poll that began after the last task found nothing. */
  #onIdle(): void {
    const { mode } = this.#options;
    const parts = this.#parts;
    if (parts === undefined || mode === 'forever' || parts.runner.open > 0 || parts.claimer.unwritten > 0) return;
    if (this.#overLimits === undefined || parts.finding.unknown || this.#liveness?.board.open === false) return;
    const polled = parts.finding.polls.polledAt > parts.attempts.busyAt;
    if (this.#overLimits.length > 0) this.#finish.done(this.#overLimits.join('; '));
    else if (polled || (mode === 'once' && this.#claimed > 0)) this.#finish.done('no more tasks are due');
    else parts.finding.polls.discoverNow();
  }

  #onReport(report: LivenessReport): void {
    const { config, events } = this.#context;
    if (report.kind === 'registered') this.#deviceId = report.deviceId;
    if (report.kind === 'view') this.#onView(report.at, report.view);
    else if (report.kind === 'turn') this.#parts?.finding.turn();
    else if (report.kind === 'work') this.#parts?.finding.due();
    else if (report.kind === 'over-limits') this.#onOverLimits(report.reasons);
    else if (report.kind === 'settings') this.#liveness?.send(obeyFleet(this.#context, report));
    else if (report.kind === 'leader-gained') this.#leadership?.gained(report.term, report.found);
    else if (report.kind === 'leader-lost') void this.#leadership?.lost(report.term, report.reason);
    else if (report.kind === 'trust-over') {
      const gateway = report.gateway === true ? { gateway: true } : {};
      events.emit('database:trust-over', { policy: config.worker.on_lost_database, ...gateway });
      if (config.worker.on_lost_database === 'stop') this.#parts?.runner.abortAll('database');
    } else {
      this.#leadership?.heard(report);
      this.#parts?.finding.heard(report.kind);
      nodeReport(report, events, this.#deviceId);
    }
  }

  /** Some times a second: what must happen although no other event brings it. */
  #onBeat(): void {
    // Right after a block, before the answers of the database that have come meanwhile.
    if (this.#liveness?.board.open === false) this.#parts?.runner.returnPrefetched();
    if (this.#leadership?.stalled() === true) this.#liveness?.send({ kind: 'resign' });
  }

  #onOverLimits(reasons: string[]): void {
    const before = this.#overLimits ?? [];
    this.#overLimits = reasons;
    if (before.length + reasons.length > 0)
      this.#context.events.emit('device:over-limits', { device_id: this.#deviceId, reasons });
    this.#parts?.claimer.wake();
  }

  #onView(at: number, view: NodeView): void {
    if (this.#parts === undefined) return;
    const wanted = this.#parts.finding.view(at, view);
    if (wanted !== undefined) this.#liveness?.send({ kind: 'lane-ranks', ...wanted });
    const state = view.device?.operator_state;
    if (state === undefined || state === this.#operatorState) return;
    this.#operatorState = state;
    this.#context.events.emit('device:operator-state', { device_id: this.#deviceId, operator_state: state });
  }
}
