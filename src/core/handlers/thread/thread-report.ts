import type { AttemptUsage } from '../../domain/attempt/report.ts';
import type { AttemptReport } from '../handler.ts';
import { LatestCheckpoint } from '../report/latest-checkpoint.ts';
import { ReportValues } from '../report/report-values.ts';
import type { FromThread } from './handler-thread-messages.ts';

/** A handler may report in every turn of a loop; the main thread hears of it this often. */
const TELL_EVERY_MS = 250;

/** What an attempt reports, in the thread in which its handler runs: a few messages for many calls. */
export class ThreadReport implements AttemptReport {
  readonly #id: number;
  readonly #say: (message: FromThread) => void;
  readonly #values: ReportValues;
  readonly #checkpoints = new LatestCheckpoint();
  #usage: AttemptUsage | undefined;
  /** The version that the main thread was sent and has not answered. */
  #asked: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(id: number, say: (message: FromThread) => void, complain: (problem: string) => void) {
    this.#id = id;
    this.#say = say;
    this.#values = new ReportValues(complain);
  }

  progress(done: number, total?: number | null, message?: string): void {
    if (this.#values.setProgress(done, total, message)) this.#changed();
  }

  metric(name: string, value: number): void {
    if (this.#values.setMetric(name, value)) this.#changed();
  }

  usage(usage: AttemptUsage): void {
    this.#usage = usage;
    this.#changed();
  }

  checkpoint(value: unknown): Promise<void> {
    const stored = this.#checkpoints.write(value);
    this.#ask();
    return stored;
  }

  /** The main thread has answered; `refused` = why it is not stored. */
  checkpointed(version: number, refused: string | undefined): void {
    this.#asked = undefined;
    if (refused === undefined) this.#checkpoints.stored(version);
    else this.#checkpoints.refuse(new Error(refused));
    this.#ask();
  }

  /** Its handler has settled: the last values are said before that is. */
  end(): void {
    if (this.#timer !== undefined) this.#tell();
    this.#ended = true;
    this.#checkpoints.close(new Error('The attempt has ended.'));
  }

  #ask(): void {
    const { wanted } = this.#checkpoints;
    if (wanted === undefined || this.#asked !== undefined) return;
    this.#asked = wanted.version;
    this.#say({ kind: 'checkpoint', id: this.#id, ...wanted });
  }

  #changed(): void {
    if (this.#ended) return;
    this.#timer ??= setTimeout(() => this.#tell(), TELL_EVERY_MS);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { progress, metrics } = this.#values;
    this.#say({
      kind: 'report',
      id: this.#id,
      progress,
      metrics: metrics.size === 0 ? undefined : Object.fromEntries(metrics),
      usage: this.#usage,
    });
  }
}
