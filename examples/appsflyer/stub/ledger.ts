/** One complete report that left the stub. */
export interface ServedReport {
  account: string;
  app_id: string;
  report: string;
  from: string;
  to: string;
  /** How often it was served whole. */
  times: number;
  rows: number;
}

/** What the stub has answered: the proof of what a crawl could know. */
export class Ledger {
  /** Answers by status code; `cut` = broken off in the middle. */
  readonly answers: Record<string, number> = {};
  readonly #reports = new Map<string, ServedReport>();
  readonly #calls = new Map<string, number>();

  /** How many calls for this thing there have been, this one included. */
  nth(key: string): number {
    const count = (this.#calls.get(key) ?? 0) + 1;
    this.#calls.set(key, count);
    return count;
  }

  answered(status: number | 'cut'): void {
    this.answers[status] = (this.answers[status] ?? 0) + 1;
  }

  served(report: Omit<ServedReport, 'times'>): void {
    const key = [report.account, report.app_id, report.report, report.from, report.to].join('|');
    const known = this.#reports.get(key);
    if (known === undefined) this.#reports.set(key, { ...report, times: 1 });
    else known.times += 1;
  }

  reports(): ServedReport[] {
    return [...this.#reports.values()];
  }
}
