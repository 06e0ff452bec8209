import { MOST_METRICS, metricOf, type Progress, progressOf } from '../../domain/attempt/report.ts';

/** The last progress and metrics of an attempt. What cannot be stored is left out, and said once. */
export class ReportValues {
  progress: Progress | undefined;
  /** The last value of each name. */
  readonly metrics = new Map<string, number>();
  readonly #complain: (problem: string) => void;
  #complained = false;

  constructor(complain: (problem: string) => void) {
    this.#complain = complain;
  }

  /** False = it was refused. */
  setProgress(done: unknown, total?: unknown, message?: unknown): boolean {
    const checked = progressOf(done, total, message);
    if ('problem' in checked) return this.#refuse(checked.problem);
    this.progress = checked;
    return true;
  }

  /** False = it was refused. */
  setMetric(name: unknown, value: unknown): boolean {
    const checked = metricOf(name, value);
    if ('problem' in checked) return this.#refuse(checked.problem);
    if (this.metrics.size >= MOST_METRICS && !this.metrics.has(checked.name)) {
      return this.#refuse(`metric ${checked.name}: an attempt has at most ${MOST_METRICS} metrics`);
    }
    this.metrics.set(checked.name, checked.value);
    return true;
  }

  #refuse(problem: string): false {
    if (!this.#complained) this.#complain(`${problem}; it was not stored (said once per attempt)`);
    this.#complained = true;
    return false;
  }
}
