import type { AttemptUsage } from '../../domain/attempt/report.ts';
import type { AttemptReport } from '../../handlers/handler.ts';
import { LatestCheckpoint } from '../../handlers/report/latest-checkpoint.ts';
import { ReportValues } from '../../handlers/report/report-values.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { AttemptSecrets } from '../../secrets/attempt-secrets.ts';

// Why nothing is stored any more.
export const LOST = 'The attempt no longer holds its task.';
export const OVER = 'The attempt has ended.';

/** Whose report it is. */
export interface Reporting {
  readonly task_id: number;
  readonly attempt: number;
  readonly claim_token: Buffer;
  readonly key: string;
  /** Its reason is set once it is aborted. */
  readonly stop: { readonly reason: unknown };
  /** What its handler was given in the place of references; undefined = it has none. */
  readonly secrets?: AttemptSecrets | undefined;
}

export interface RunningReportOptions {
  of: Reporting;
  /** Said once: something cannot be stored. */
  complain(problem: string): void;
  /** A text without the secrets of the attempt. */
  masked(text: string): string;
  /** Values wait to be written, or a checkpoint does. */
  onChange(report: RunningReport): void;
}

/** What one attempt of this worker has reported: its last values, and whether they are in the database. */
export class RunningReport implements AttemptReport {
  readonly of: Reporting;
  readonly values: ReportValues;
  readonly checkpoints = new LatestCheckpoint();
  used: AttemptUsage | undefined;
  /** The first progress, from which the speed is reckoned: an attempt that resumes does not begin at 0. `at`: monotonic ms. */
  first: { done: number; at: number } | undefined;
  /** A checkpoint of it is in the database. */
  hasStored = false;
  /** Counts changes; `written` is the one that the database has. */
  version = 0;
  #written = 0;
  #closed = false;
  #settled: { promise: Promise<void>; resolve: () => void } | undefined;
  readonly #masked: (text: string) => string;
  readonly #onChange: (report: RunningReport) => void;

  constructor({ of, complain, masked, onChange }: RunningReportOptions) {
    this.of = of;
    this.values = new ReportValues(complain);
    this.#masked = masked;
    this.#onChange = onChange;
  }

  /** Its last progress, metrics or usage are not in the database. */
  get changed(): boolean {
    return !this.#closed && this.version !== this.#written;
  }

  /** Something is not in the database. */
  get pending(): boolean {
    return this.changed || this.checkpoints.wanted !== undefined;
  }

  progress(done: number, total?: number | null, message?: string): void {
    const shown = typeof message === 'string' ? this.#masked(message) : message;
    if (this.#closed || !this.values.setProgress(done, total, shown)) return;
    this.first ??= { done, at: monotonic() };
    this.#change();
  }

  metric(name: string, value: number): void {
    const shown = this.of.secrets === undefined || typeof name !== 'string' ? name : this.#masked(name);
    if (!this.#closed && this.values.setMetric(shown, value)) this.#change();
  }

  usage(usage: AttemptUsage): void {
    if (this.#closed || (usage.peak_memory === null && usage.cpu_ms === null)) return;
    this.used = usage;
    this.#change();
  }

  checkpoint(value: unknown): Promise<void> {
    const { secrets } = this.of;
    let kept = value;
    try {
      if (secrets !== undefined) kept = secrets.referring(toJson(value));
    } catch (error) {
      return Promise.reject(new Error(`The checkpoint is not stored: ${(error as Error).message}.`));
    }
    const stored = this.checkpoints.write(kept);
    if (this.checkpoints.wanted !== undefined) this.#onChange(this);
    return stored;
  }

  /** The database has the values of this version, or refuses them. */
  wrote(version: number): void {
    this.#written = version;
    this.#tellSettled();
  }

  /** The database has this checkpoint. */
  stored(version: number): void {
    this.hasStored = true;
    this.checkpoints.stored(version);
    this.#tellSettled();
  }

  /** The checkpoint that waits is not stored. */
  refuse(error: Error): void {
    this.checkpoints.refuse(error);
    this.#tellSettled();
  }

  /** Nothing of it is stored any more, because of this. */
  close(reason: string): void {
    this.#closed = true;
    this.checkpoints.close(new Error(reason));
    this.#tellSettled();
  }

  /** Resolves when nothing of it waits. */
  settled(): Promise<void> {
    if (!this.pending) return Promise.resolve();
    if (this.#settled === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#settled = { promise, resolve };
    }
    return this.#settled.promise;
  }

  #change(): void {
    this.version += 1;
    this.#onChange(this);
  }

  #tellSettled(): void {
    if (this.pending) return;
    this.#settled?.resolve();
    this.#settled = undefined;
  }
}

/** As JSON will have it: what has a method toJSON would hide its texts. @throws Error: it is not JSON */
function toJson(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text === undefined ? value : JSON.parse(text);
}
