// What a leader does, started when a term is gained and stopped when it is lost. Each duty is a loop of its own: one that
// throws or hangs stops no other. What must not be written twice is guarded by the fence, not by stopping in time.

import { isConnectionLost } from '../db/database-error.ts';
import { NotLeader } from '../db/leader/assert-leader.ts';
import { writeFailingDuties } from '../db/leader/failing-duties.ts';
import { Backoff } from '../runtime/backoff.ts';
import { monotonic as monotonicClock } from '../runtime/clock.ts';
import { Loop } from '../runtime/loop.ts';
import { Service, untilAborted } from '../runtime/service.ts';
import type { WebhookSender } from '../webhooks/send/webhook-sender.ts';
import { Complaints } from './duty/complaints.ts';
import { DutyProgress } from './duty/duty-progress.ts';
import { DutySession } from './duty/duty-session.ts';
import { PartsFailed } from './duty/failures.ts';
import { type Counts, type DutiesOptions, type Duty, type DutyName, dutyList } from './duty-list.ts';
import { HealthCheck } from './rescue/health-check.ts';
import type { Watcher } from './watcher.ts';

export interface DutiesReport {
  counts: Partial<Record<DutyName, Counts>>;
  /** Duties that failed, and why. */
  failed: Partial<Record<DutyName, string>>;
}

/** A duty whose lock was not to be had comes back sooner than in an hour. */
const RETRY_AT_MOST_MS = 60_000;

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
    const list = dutyList(options, duty, this.#health);
    this.#watcher = list.watcher;
    this.#sender = list.sender;
    this.#duties = list.duties;
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
