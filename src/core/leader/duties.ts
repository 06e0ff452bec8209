// What a leader does, started when a term is gained and stopped when it is lost. Each duty is a loop of its own: one that
// throws or hangs stops no other. What must not be written twice is guarded by the fence, not by stopping in time.

import type { Config } from '../config/config-schema.ts';
import { isConnectionLost } from '../db/database-error.ts';
import { HEARTBEATS, type History, RUN_LOGS, TASK_ENDS, WEBHOOK_DELIVERIES } from '../db/history/day-partitions.ts';
import { NotLeader } from '../db/leader/assert-leader.ts';
import { writeFailingDuties } from '../db/leader/failing-duties.ts';
import { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { FoundDead } from '../election/lock-watch.ts';
import type { RingSender } from '../ring/ring-sender.ts';
import { Backoff } from '../runtime/backoff.ts';
import { monotonic as monotonicClock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import { Loop } from '../runtime/loop.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import { EndRecorder } from '../webhooks/ends/end-recorder.ts';
import { WebhookSender } from '../webhooks/send/webhook-sender.ts';
import { FiguresKeeper } from './device-figures.ts';
import { DirectedTasks } from './directed-tasks.ts';
import { Complaints } from './duty/complaints.ts';
import { DutyProgress } from './duty/duty-progress.ts';
import { DutySession } from './duty/duty-session.ts';
import { PartsFailed } from './duty/failures.ts';
import { LanePublisher } from './lane-publisher.ts';
import { Pruner } from './pruner.ts';
import { HealthCheck } from './rescue/health-check.ts';
import { SettingsKeeper } from './settings-keeper.ts';
import { Watcher } from './watcher.ts';

export type DutyName =
  | 'publish-lanes'
  | 'watch'
  | 'lock-check'
  | 'health-check'
  | 'return-assigned'
  | 'figures'
  | 'prune'
  | 'prune-logs'
  | 'prune-ends'
  | 'prune-deliveries'
  | 'record-ends'
  | 'send-webhooks'
  | 'settings';
type Counts = Record<string, number>;

export interface DutiesOptions {
  /** Used by the duties alone; they close it at the end of their run. */
  session: Session;
  names: TableNames;
  config: Config;
  events: Events;
  deviceId: string;
  term: number;
  /** Monotonic milliseconds of the last reconnect of this process's liveness session, if it had one. */
  lastReconnectAt?: number | undefined;
  /** The leader before, if the lease was taken from it because it is dead. */
  found?: FoundDead | undefined;
  /** The ring sender of this process, if it has one: else the duties have their own. */
  ringSender?: (() => RingSender | undefined) | undefined;
  /** Milliseconds of a monotonic clock. */
  monotonic?: () => number;
  random?: () => number;
}

export interface DutiesReport {
  counts: Partial<Record<DutyName, Counts>>;
  /** Duties that failed, and why. */
  failed: Partial<Record<DutyName, string>>;
}

const PUBLISH_MS = 1000;
const PRUNE_MS = 3_600_000;
const WEBHOOKS_MS = 1000;
const SETTINGS_MS = 60_000;
/** A duty whose lock was not to be had comes back sooner than in an hour. */
const RETRY_AT_MOST_MS = 60_000;
/** Streams and webhooks read a row within seconds; after an outage of days they still find it. */
const TASK_END_DAYS = 7;
const DDL_DEADLINE_MS = 120_000;

type Round = (signal?: AbortSignal) => Promise<object>;

interface Duty {
  name: DutyName;
  intervalMs: number;
  runOnce: (signal?: AbortSignal) => Promise<Counts>;
}

/** The duties of one term. They end by themselves when a fenced write finds that the term is over. */
export class Duties extends Service {
  readonly #o: DutiesOptions;
  readonly #duty: DutySession;
  readonly #progress: DutyProgress;
  readonly #health: HealthCheck;
  readonly #watcher: Watcher;
  readonly #sender: WebhookSender;
  readonly #duties: Duty[];
  #complaints!: Complaints;
  #over = false;
  #fenced: (() => void) | undefined;

  constructor(options: DutiesOptions) {
    super();
    const { session, names, config, events, deviceId, term, lastReconnectAt, found, monotonic, random } = options;
    const { master } = config;
    this.#o = options;
    const limitMs = (master.lease_trust + config.database.call_timeout) * 1000;
    this.#progress = new DutyProgress(limitMs, monotonic ?? monotonicClock);
    const duty = new DutySession(session, names, { holder: deviceId, term }, () => this.#progress.done());
    this.#duty = duty;
    this.#health = new HealthCheck({
      duty,
      settings: master,
      events,
      lastReconnectAt,
      found,
      ...(monotonic === undefined ? {} : { monotonic }),
      ...(random === undefined ? {} : { random }),
    });
    const lanes = new LanePublisher({ duty, fleet: master, warn: (message) => events.emit('warning', { message }) });
    const directed = new DirectedTasks(duty);
    const figures = new FiguresKeeper(duty);
    const prunerOf = (history: History, historyDays: number) =>
      new Pruner({
        ...{ duty, history, historyDays },
        openSession: () => new Session({ ...session.options, deadlineMs: DDL_DEADLINE_MS, multiStatements: false }),
        note: (message) => events.emit('note', { message }),
      });
    const heartbeats = prunerOf(HEARTBEATS, master.heartbeat_history_days);
    const logs = prunerOf(RUN_LOGS, master.run_log_history_days);
    const ends = prunerOf(TASK_ENDS, TASK_END_DAYS);
    const deliveries = prunerOf(WEBHOOK_DELIVERIES, master.webhook_history_days);
    const recorder = new EndRecorder(duty);
    const sender = new WebhookSender({
      ...{ duty, networks: master.webhook_networks, webhooks: () => recorder.webhooks },
      warn: (message) => events.emit('warning', { message }),
      ...(random === undefined ? {} : { random }),
    });
    this.#sender = sender;
    const settings = new SettingsKeeper(duty, config);
    const watcher = new Watcher({ duty, config, heads: () => lanes.heads, ringSender: options.ringSender });
    this.#watcher = watcher;
    const health = this.#health;
    const each = (name: DutyName, intervalS: number, runOnce: Round): Duty => ({
      name,
      intervalMs: intervalS * 1000,
      runOnce: async (signal) => ({ ...(await runOnce(signal)) }) as Counts,
    });
    this.#duties = [
      each('publish-lanes', Math.min(PUBLISH_MS / 1000, master.health_check_interval), () => lanes.runOnce()),
      each('watch', master.watch_interval, () => watcher.runOnce()),
      each('lock-check', master.lock_check_interval, () => health.checkLocks()),
      each('health-check', master.health_check_interval, () => health.runOnce()),
      each('return-assigned', master.scheduler_interval, () => directed.runOnce()),
      each('figures', master.scheduler_interval, () => figures.runOnce()),
      each('prune', PRUNE_MS / 1000, (signal) => heartbeats.runOnce(signal)),
      each('prune-logs', PRUNE_MS / 1000, (signal) => logs.runOnce(signal)),
      each('prune-ends', PRUNE_MS / 1000, (signal) => ends.runOnce(signal)),
      each('prune-deliveries', PRUNE_MS / 1000, (signal) => deliveries.runOnce(signal)),
      each('record-ends', WEBHOOKS_MS / 1000, () => recorder.runOnce()),
      // Without a signal nobody comes back for the answers.
      each('send-webhooks', WEBHOOKS_MS / 1000, (signal) => (signal ? sender.runOnce() : sender.runToEnd())),
      each('settings', SETTINGS_MS / 1000, () => settings.runOnce()),
    ];
  }

  /**
   * Every duty once, one after the other; one that fails stops no other. `once`: for a process that has just started
   * (`afd leader --once`): it rings no device, ignores locks, and counts a heartbeat as missing only at twice the usual
   * age. Do not call it while `start()` runs.
   */
  async runOnceAll({ once }: { once: boolean }): Promise<DutiesReport> {
    const report: DutiesReport = { counts: {}, failed: {} };
    for (const duty of this.#duties) {
      if (once && (duty.name === 'lock-check' || duty.name === 'watch')) continue;
      try {
        const whole = once && duty.name === 'health-check';
        const counts = whole ? { ...(await this.#health.runOnce({ once })) } : await duty.runOnce();
        report.counts[duty.name] = counts;
        this.#tell(duty.name, counts);
      } catch (error) {
        if (error instanceof PartsFailed) report.counts[duty.name] = error.counts;
        report.failed[duty.name] = (error as Error).message;
        this.#o.events.emit('leader:duty-failed', { duty: duty.name, message: (error as Error).message });
      }
    }
    return report;
  }

  /** The duty that does not come to the end of a round; undefined = all do. */
  get hanging(): DutyProgress['hanging'] {
    return this.#progress.hanging;
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    const { events, monotonic } = this.#o;
    this.#complaints = new Complaints(events, monotonic ?? monotonicClock);
    const loops = this.#duties.map((duty) => this.#loop(duty));
    const fenced = new Promise<void>((resolve) => {
      this.#fenced = resolve;
    });
    signal.addEventListener('abort', () => this.#end(), { once: true });
    for (const loop of loops) void loop.start();
    running();
    try {
      await Promise.race([fenced, untilAborted(signal, loops)]);
    } finally {
      this.#end();
      await Promise.all(loops.map((loop) => loop.stop()));
      this.#complaints.close();
      await this.#watcher.close();
      await this.#sender.close();
      await this.#duty.close();
    }
  }

  /** No duty begins anything more. */
  #end(): void {
    this.#over = true;
    void this.#duty.close();
  }

  #loop(duty: Duty): Loop {
    const backoff = new Backoff({ initialMs: 20, maxMs: 1000, ...(this.#o.random ? { random: this.#o.random } : {}) });
    return new Loop({
      intervalMs: duty.intervalMs,
      work: async (signal) => {
        await this.#progress.round(duty.name, async () => {
          const counts = await duty.runOnce(signal);
          backoff.reset();
          this.#tell(duty.name, counts);
          this.#complaints.worked(duty.name, duty.intervalMs);
          await this.#storeComplaints();
        });
      },
      onError: (error) => {
        if (this.#over) return undefined;
        // Once fenced, a term is over for good, and no duty is at fault: the elector will say why soon.
        if (error instanceof NotLeader) {
          this.#end();
          this.#fenced?.();
          return undefined;
        }
        if (error instanceof PartsFailed) this.#tell(duty.name, error.counts);
        this.#complaints.failed(duty.name, error as Error);
        if (this.#duty.alive) void this.#storeComplaints();
        return isConnectionLost(error) ? backoff.next() : Math.min(duty.intervalMs, RETRY_AT_MOST_MS);
      },
    });
  }

  #tell(duty: DutyName, counts: Counts): void {
    if (Object.values(counts).some((n) => n !== 0)) this.#o.events.emit('leader:duty', { duty, counts });
  }

  /** For `afd status`. What cannot be stored now is with the next round of any duty: why it cannot, that one finds out too. */
  async #storeComplaints(): Promise<void> {
    const failing = this.#complaints.takeChanged();
    if (failing === undefined) return;
    const { names, lease } = this.#duty;
    try {
      await this.#duty.run((session) => writeFailingDuties(session, names, lease, failing));
    } catch {
      this.#complaints.untaken();
    }
  }
}
