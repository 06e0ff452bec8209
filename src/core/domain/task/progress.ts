/** What an attempt has reported so far. */
export interface ProgressRecord {
  /** In a unit of the handler; null = it reported figures only. */
  done: number | null;
  /** In the same unit; null = not known. */
  total: number | null;
  message: string | null;
  /** Seconds, reckoned from the speed so far; null = not known, or the attempt has ended. */
  remaining: number | null;
  metrics: Record<string, unknown>;
  /** Bytes. */
  peak_memory: number | null;
  /** Milliseconds. */
  cpu_ms: number | null;
  /** ISO 8601 UTC, by the database's clock. */
  updated_at: string | null;
}

/** As it is stored; ages in seconds, by the database's clock. */
export interface Speed {
  done: number | null;
  total: number | null;
  /** `done` of the first report: an attempt that resumes did not do it. */
  begun_done: number | null;
  /** From the first report to the last one. */
  elapsed: number | null;
  /** Since the last one. */
  age: number | null;
}

/** Seconds until the end if it goes on as before; null = that cannot be said. */
export function remaining({ done, total, begun_done, elapsed, age }: Speed): number | null {
  if (done === null || total === null || begun_done === null || elapsed === null || age === null) return null;
  const made = done - begun_done;
  if (made <= 0 || elapsed <= 0 || total < done) return null;
  return Math.max(0, ((total - done) * elapsed) / made - age);
}
