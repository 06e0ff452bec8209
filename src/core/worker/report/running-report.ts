import type { AttemptUsage } from '../../domain/attempt/report.ts';
import type { AttemptReport } from '../../handlers/handler.ts';
import { LatestCheckpoint } from '../../handlers/report/latest-checkpoint.ts';
import { ReportValues } from '../../handlers/report/report-values.ts';
import { monotonic } from '../../runtime/clock.ts';

/** Of which attempt a report is. */
export interface Reporting {
  readonly task_id: number;
  readonly claim_token: Buffer;
}

export interface RunningReportOptions {
  of: Reporting;
  /** Said once: something cannot be stored. */
  complain(problem: string): void;
  /** Values wait to be written, or a checkpoint does. */
  onChange(report: RunningReport): void;
}

/** What one attempt of this worker has reported: its last values, and what of them is not in the database yet. */
export class RunningReport implements AttemptReport {
  readonly of: Reporting;
  readonly values: ReportValues;
  readonly checkpoints = new LatestCheckpoint();
  used: AttemptUsage | undefined;
  /** The first progress, from which the speed is reckoned: an attempt that resumes does not begin at 0. `at`: monotonic ms. */
  first: { done: number; at: number } | undefined;
  /** Counts changes; what was written belongs to one of them. */
  version = 0;
  written = 0;
  readonly #onChange: (report: RunningReport) => void;

  constructor({ of, complain, onChange }: RunningReportOptions) {
    this.of = of;
    this.values = new ReportValues(complain);
    this.#onChange = onChange;
  }

  /** Its last values are not in the database. */
  get changed(): boolean {
    return this.version !== this.written;
  }

  progress(done: number, total?: number | null, message?: string): void {
    if (!this.values.setProgress(done, total, message)) return;
    this.first ??= { done, at: monotonic() };
    this.#change();
  }

  metric(name: string, value: number): void {
    if (this.values.setMetric(name, value)) this.#change();
  }

  usage(usage: AttemptUsage): void {
    this.used = usage;
    this.#change();
  }

  checkpoint(value: unknown): Promise<void> {
    const stored = this.checkpoints.write(value);
    if (this.checkpoints.wanted !== undefined) this.#onChange(this);
    return stored;
  }

  #change(): void {
    this.version += 1;
    this.#onChange(this);
  }
}
