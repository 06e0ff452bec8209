// Writes what the attempts of this worker report, on a connection of its own that is open only while they do. Progress is
// written at most once a second, for all attempts together; checkpoints at once. While the database is away the last
// values wait, one set for each attempt.
import { DatabaseError, isTransient } from '../../db/database-error.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import { Service } from '../../runtime/service.ts';
import type { FoundSecret } from '../../secrets/find-secrets.ts';
import type { ReportPort, SecretRequest } from '../port/report-port.ts';
import type { HeldClaim } from '../port/work-port.ts';
import { CheckpointReads } from './checkpoint-reads.ts';
import { storeCheckpoints, storeValues } from './report-writes.ts';
import { LOST, type Reporting, RunningReport, type RunningReportOptions } from './running-report.ts';
import { SecretReads } from './secret-reads.ts';

export interface ReporterOptions {
  port: ReportPort;
  deviceId: string;
  /** The database says that this attempt no longer holds its task. */
  onLost(attempt: Reporting): void;
  warn(message: string): void;
}

const WRITE_EVERY_MS = 1000;
/** The end of an attempt waits this long for its last values to be written. */
export const FLUSH_MS = 1000;
/** After an error that another try would not change, such as a missing right. */
const MUTE_MS = 60_000;
/** A session that is silent for longer than this part of its idle timeout is closed by us, not by the server. */
const IDLE_PART = 0.6;
/** What is under way at the stop may take this long. */
const LEAVE_MS = 1000;
const LONGEST_MS = 2 ** 31 - 1;

export class Reporter extends Service {
  readonly #o: ReporterOptions;
  readonly #reads = new CheckpointReads();
  readonly #secrets = new SecretReads();
  readonly #values = new Set<RunningReport>();
  readonly #checkpoints = new Set<RunningReport>();
  /** Attempts whose end waits for their last values. */
  readonly #hurried = new Set<RunningReport>();
  #done: Array<{ task_id: number; attempt: number }> = [];
  #writtenAt = Number.NEGATIVE_INFINITY;
  #usedAt = 0;
  #mutedUntil = Number.NEGATIVE_INFINITY;
  #warned = false;
  #wake: (() => void) | undefined;

  constructor(options: ReporterOptions) {
    super();
    this.#o = options;
  }

  /** Where an attempt reports. Costs nothing in the database before it does. */
  report(of: Reporting, say: Pick<RunningReportOptions, 'complain' | 'masked'>): RunningReport {
    return new RunningReport({ of, ...say, onChange: (report) => this.#changed(report) });
  }

  /** What an earlier attempt of the task stored, JSON text; undefined = nothing. @throws Error when it cannot be read */
  read(claim: HeldClaim): Promise<string | undefined> {
    const read = this.#reads.read(claim);
    this.#interrupt();
    return read;
  }

  /** The secrets that an attempt refers to. @throws Error when they cannot be read */
  secrets(request: SecretRequest): Promise<FoundSecret[]> {
    const read = this.#secrets.read(request);
    this.#interrupt();
    return read;
  }

  /** Resolves when all that an attempt reported is written or refused, or after a second. Never rejects. */
  async flush(report: RunningReport): Promise<void> {
    if (!report.pending) return;
    this.#hurried.add(report);
    this.#interrupt();
    await sleep(FLUSH_MS, undefined, report.settled());
    this.#hurried.delete(report);
  }

  /** The task is done: what this attempt or an earlier one stored for the next one goes. */
  done(task: { task_id: number; attempt: number }): void {
    this.#done.push(task);
    this.#interrupt();
  }

  protected async run(signal: AbortSignal, running: () => void): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const leave = () => {
      this.#interrupt();
      late = setTimeout(() => void this.#abandon(), LEAVE_MS);
    };
    signal.addEventListener('abort', leave, { once: true });
    running();
    const backoff = new Backoff({ initialMs: 100, maxMs: 5000 });
    while (!signal.aborted) {
      await this.#rest();
      // What is left at the end is tried once.
      try {
        await this.#round();
        backoff.reset();
      } catch (error) {
        this.#failed(error);
        await sleep(backoff.next(), signal);
      }
    }
    clearTimeout(late);
    this.#reads.close();
    this.#secrets.close();
    for (const one of this.#checkpoints) one.close('The worker has stopped.');
    await this.#o.port.close();
  }

  /** Cheap: it is called for each item of a handler's loop. */
  #changed(report: RunningReport): void {
    const known =
      (!report.changed || this.#values.has(report)) &&
      (report.checkpoints.wanted === undefined || this.#checkpoints.has(report));
    if (known) return;
    if (report.changed) this.#values.add(report);
    if (report.checkpoints.wanted !== undefined) this.#checkpoints.add(report);
    this.#interrupt();
  }

  /** Attempts that wait for what they need before they begin. */
  get #reading(): number {
    return this.#reads.waiting + this.#secrets.waiting;
  }

  #interrupt(): void {
    this.#wake?.();
  }

  /** Milliseconds until there is something to do; infinite = nothing. */
  #dueMs(): number {
    const { size: waiting } = this.#checkpoints;
    if (waiting + this.#hurried.size + this.#reading + this.#done.length > 0) return 0;
    if (this.#values.size > 0) return this.#writtenAt + WRITE_EVERY_MS - monotonic();
    const { idleTimeoutS } = this.#o.port;
    if (idleTimeoutS === undefined) return Number.POSITIVE_INFINITY;
    return this.#usedAt + idleTimeoutS * 1000 * IDLE_PART - monotonic();
  }

  async #rest(): Promise<void> {
    const due = this.#dueMs();
    if (due <= 0) return;
    const cut = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await sleep(Math.min(due, LONGEST_MS), undefined, cut);
    this.#wake = undefined;
  }

  /** @throws DatabaseError */
  async #round(): Promise<void> {
    for (const one of this.#hurried) if (!one.pending) this.#hurried.delete(one);
    if (this.#dueMs() > 0) return;
    const wanted = this.#values.size + this.#checkpoints.size + this.#reading + this.#done.length;
    const { port, deviceId, onLost } = this.#o;
    if (wanted === 0) return port.close();
    await port.ready();
    this.#usedAt = monotonic();
    await this.#reads.serve(port);
    await this.#secrets.serve(port);
    const lose = (report: RunningReport) => {
      report.close(LOST);
      onLost(report.of);
    };
    await storeCheckpoints(port, this.#checkpoints, lose);
    if (this.#hurried.size > 0 || monotonic() - this.#writtenAt >= WRITE_EVERY_MS) {
      this.#writtenAt = monotonic();
      if (this.#writtenAt < this.#mutedUntil) this.#dropValues();
      else await storeValues(port, { deviceId, reports: this.#values, lose, warn: this.#o.warn });
    }
    for (let one = this.#done[0]; one !== undefined; one = this.#done[0]) {
      await port.deleteCheckpoint(one);
      this.#done.shift();
    }
    this.#warned = false;
  }

  /** A call that is under way fails. */
  #abandon(): Promise<void> {
    this.#o.port.cut();
    return this.#o.port.close();
  }

  /** That the database is away is said by the worker's own connection. @throws what is no error of the database */
  #failed(error: unknown): void {
    if (!(error instanceof DatabaseError)) throw error;
    this.#o.port.cut();
    // What was aborted need not wait for the database: its handler can end.
    for (const one of [...this.#checkpoints]) {
      if (one.of.stop.reason === undefined) continue;
      one.refuse(new Error(`The checkpoint was not stored: ${error.message}`));
      this.#checkpoints.delete(one);
    }
    if (isTransient(error)) return;
    if (!this.#warned) this.#o.warn(`What running tasks report cannot be stored: ${error.message}`);
    this.#warned = true;
    this.#mutedUntil = monotonic() + MUTE_MS;
    this.#dropValues();
    this.#done = [];
  }

  #dropValues(): void {
    for (const one of this.#values) one.wrote(one.version);
    this.#values.clear();
  }
}
