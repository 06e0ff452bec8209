/** Calls allowed per window. `window_ms` null = per UTC day. */
export interface Quota {
  calls: number;
  window_ms: number | null;
}

export interface Quotas {
  /** Per app and aggregate report. */
  aggregate: Quota;
  /** Ranges of three days and more, per app. */
  aggregate_long: Quota;
  /** Per app and raw report. */
  raw: Quota;
  /** Per account and raw report. */
  raw_account: Quota;
  app_list: Quota;
  app_list_day: Quota;
}

/** As the service documents them. */
export const DOCUMENTED_QUOTAS: Quotas = {
  aggregate: { calls: 1, window_ms: 60_000 },
  aggregate_long: { calls: 24, window_ms: null },
  raw: { calls: 24, window_ms: null },
  raw_account: { calls: 120, window_ms: null },
  app_list: { calls: 20, window_ms: 60_000 },
  app_list_day: { calls: 100, window_ms: null },
};

const DAY_MS = 86_400_000;

/** Counts what was allowed; a refused call costs nothing. */
export class QuotaBook {
  readonly #now: () => number;
  readonly #calls = new Map<string, number[]>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** True and counted when every one of the quotas has room, else false and nothing counted. */
  take(wanted: { key: string; quota: Quota }[]): boolean {
    const now = this.#now();
    const open = wanted.map(({ key, quota }) => {
      const since = quota.window_ms === null ? Math.floor(now / DAY_MS) * DAY_MS : now - quota.window_ms + 1;
      const recent = (this.#calls.get(key) ?? []).filter((at) => at >= since);
      this.#calls.set(key, recent);
      return { recent, room: recent.length < quota.calls };
    });
    if (open.some(({ room }) => !room)) return false;
    for (const { recent } of open) recent.push(now);
    return true;
  }
}
