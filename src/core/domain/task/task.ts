/** Words of the user's existing table, then what afd appends. */
export const TASK_STATUSES = ['pending', 'running', 'failed', 'done', 'assigned', 'waiting', 'cancelled'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

export const ASSIGNMENT_STATUSES = [
  'assigned',
  'running',
  'completed',
  'failed',
  'timeout',
  'cancelled',
  'released',
  'lost',
] as const;
export type AssignmentStatus = (typeof ASSIGNMENT_STATUSES)[number];

/** A task to be inserted. Absent = the table's default. Dates `YYYY-MM-DD`; `run_at` ISO 8601 UTC. */
export interface NewTask {
  task_type: string;
  task_data?: Record<string, unknown> | null;
  username?: string | null;
  app_id?: string | null;
  start_date?: string | null;
  end_date?: string | null;
  /** 1–10, 10 first. */
  priority?: number | null;
  required_capabilities?: Record<string, unknown> | null;
  /** Equal keys are one task for as long as the row lives. At most 191 characters, compared byte by byte. */
  dedupe_key?: string | null;
  run_at?: string | null;
  max_retry_count?: number | null;
  /** Seconds. */
  execution_timeout?: number | null;
  /** Seconds; for placing, never for ending anything. */
  estimated_duration?: number | null;
  concurrency_key?: string | null;
}

/** What a handler is given: the design document's answer of "next task" (its 5.1.2), and the number of this try. */
export interface HandlerTask {
  task_id: number;
  task_type: string;
  /** Columns that are not NULL or '', overlaid by task_data. Dates are strings `YYYY-MM-DD`. */
  task_data: Record<string, unknown>;
  priority: number;
  /** Seconds that this attempt may run. */
  timeout: number;
  /** Failed and timed-out attempts so far. */
  retry_count: number;
  /** 1 for the first try; counts every try, also lost and released ones. */
  attempt: number;
  /** The last value that an earlier attempt stored with `ctx.checkpoint`; null = none. */
  checkpoint: unknown;
}
