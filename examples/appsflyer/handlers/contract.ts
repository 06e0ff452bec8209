// What afd gives a module handler and how a handler says "not now". Written out here so that the example stands alone:
// afd checks the shape (`outcome`, `after`), not at the class.

export interface Task {
  task_id: number;
  task_type: string;
  task_data: Record<string, unknown>;
  attempt: number;
  /** What an earlier attempt stored with `ctx.checkpoint`; null = nothing. */
  checkpoint: unknown;
}

export interface Context {
  /** Aborts at the deadline, on a revoke, when the lease is lost, at the end of a drain. */
  signal: AbortSignal;
  task_id: number;
  attempt: number;
  device_id: string;
  log: Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: Record<string, unknown>) => void>;
  /** Inserted in the transaction that completes this task. */
  enqueue(tasks: NewTask | NewTask[]): void;
  /** Shown by `afd tasks show`; may be called for every item. */
  progress(done: number, total?: number | null, message?: string): void;
  /** Resolves when the next attempt would get this value. */
  checkpoint(value: unknown): Promise<void>;
  /** A figure of this attempt; the last value counts. */
  metric(name: string, value: number): void;
}

export interface NewTask {
  task_type: string;
  task_data?: Record<string, unknown>;
  username?: string;
  app_id?: string;
  start_date?: string;
  end_date?: string;
  priority?: number;
  required_capabilities?: Record<string, unknown>;
  dedupe_key?: string;
}

/**
 * Ends an attempt in a chosen way. `later`: not now, spends no attempt · `permanent`: never again · `retry`: a failed
 * attempt, tried again after `after` seconds. Any other error is a failed attempt with the usual backoff.
 */
export class HandlerOutcome extends Error {
  readonly outcome: 'later' | 'permanent' | 'retry';
  readonly after?: number;

  constructor(outcome: 'later' | 'permanent' | 'retry', message: string, after?: number) {
    super(message);
    this.name = 'HandlerOutcome';
    this.outcome = outcome;
    if (after !== undefined) this.after = after;
  }
}

/** A text of task_data; anything else cannot become right by waiting. */
export function requiredText(data: Record<string, unknown>, name: string): string {
  const value = data[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new HandlerOutcome('permanent', `The task has no ${name}: give it in task_data or in the column.`);
}

/** `YYYY-MM-DD` of task_data, or undefined when it is absent. */
export function optionalDay(data: Record<string, unknown>, name: string): string | undefined {
  const value = data[name];
  if (value === undefined || value === null || value === '') return undefined;
  const parsed = typeof value === 'string' ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  if (!Number.isNaN(parsed) && new Date(parsed).toISOString().startsWith(`${value}T`)) return String(value);
  throw new HandlerOutcome('permanent', `${name} is "${String(value)}": a day such as 2026-01-31 is wanted.`);
}
