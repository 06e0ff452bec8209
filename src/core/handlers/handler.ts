import type { Outcome } from '../domain/attempt/outcome.ts';
import type { AttemptUsage } from '../domain/attempt/report.ts';
import type { HandlerTask, NewTask } from '../domain/task/task.ts';

/** What a module handler gets as its second argument. `Shared`: what its `warmUp` returns. */
export interface HandlerContext<Shared = unknown> {
  /** Aborts at the deadline, when the lease is lost, when an operator revokes, and at the end of a drain. */
  signal: AbortSignal;
  task_id: number;
  attempt: number;
  device_id: string;
  /** ISO 8601 UTC, by this machine's clock: for the handler's own pacing. */
  deadline: string;
  log: HandlerLog;
  /** What `warmUp` of the module returned in this place; undefined without one. */
  readonly shared: Shared;
  /** Tasks to insert in the transaction that completes this one: all of them, or none. */
  enqueue(tasks: NewTask | NewTask[]): void;
  /**
   * How far the attempt is, in a unit of your choice; `total` only if it is known. Written at most once a second, so it may
   * be called for every item. Never throws: what is not a number from 0 up is left out, with a warning in the log.
   */
  progress(done: number, total?: number | null, message?: string): void;
  /**
   * Stores a value for the next attempt, which gets it as `task.checkpoint`. JSON, at most 64 KB; the last value counts.
   * Resolves when the database has it. Rejects when it is refused: too large, not JSON, or the attempt is lost.
   */
  checkpoint(value: unknown): Promise<void>;
  /** Sets a figure of the attempt; the last value of a name counts. At most 32 names. Never throws, as `progress`. */
  metric(name: string, value: number): void;
}

/** What `warmUp` of a handler module gets. */
export interface WarmUpContext {
  device_id: string;
  /** Of the module, not of one attempt: what it keeps may go on using it. */
  log: HandlerLog;
  /** Aborted when the call is not waited for any more: its attempts were aborted, or the place ends. */
  signal: AbortSignal;
}

export interface HandlerLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** What a running attempt reports of itself. An attempt that reports nothing costs nothing. */
export interface AttemptReport extends Pick<HandlerContext, 'progress' | 'checkpoint' | 'metric'> {
  /** What its process has used; the last figures count. */
  usage(usage: AttemptUsage): void;
}

/** One of the two streams on which a handler prints. */
export type OutputStream = 'stdout' | 'stderr';

/** One attempt to be executed. `claim_token` is hexadecimal. */
export interface Attempt {
  task: HandlerTask;
  device_id: string;
  claim_token: string;
  /** Aborted with an `AbortReason` as `signal.reason`. Made when it is first asked for. */
  readonly signal: AbortSignal;
  /** The reason, without making a signal; undefined = not aborted. */
  aborted(): unknown;
  /** Calls `tell` once when it is aborted, without making a signal. For the handler's side that runs it: one listener. */
  onAbort(tell: (reason: AbortReason) => void): void;
  /** Made when it is first asked for. */
  readonly log: HandlerLog;
  /** Made when it is first asked for. */
  readonly report: AttemptReport;
  /** Of a value of `handlers.<type>.env`: the secret that it refers to, else the value. @throws Error: there is no such member */
  secretText?(text: string): string;
  /** What it put out, as bytes, in order: for the log of the device and for its run log. */
  print(stream: OutputStream, chunk: Buffer): void;
  /** Output that was dropped before it came here, in bytes. */
  skipOutput(bytes: number): void;
}

/**
 * Why the worker ends a handler from outside. `timeout` becomes a timed-out attempt, `uncaught` (an error that no code of
 * the handler caught) has failed already, all others a release.
 */
export type AbortReason = 'timeout' | 'revoked' | 'lost' | 'shutdown' | 'database' | 'uncaught';

/** One way of executing tasks of a type. */
export interface Handler {
  /** Seconds; undefined = the fleet's task_timeout. */
  readonly timeout: number | undefined;
  /** True = an abort ends it for sure (a process group is killed, a thread ended), so on a busy machine it is only waited for longer. */
  readonly killable?: boolean;
  /** What its environment refers to (`secret:NAME`); undefined = nothing. */
  readonly secrets?: readonly string[] | undefined;
  /** The file of the module that runs in this process, by which its part in a stack trace is known. */
  readonly source?: string;
  /**
   * Executes one attempt and says how it ended; never rejects. The promise settles when nothing of the attempt runs
   * any more (for a command: its process group is gone), also after an abort. An attempt that was aborted settles with
   * `timeout` or `released`, unless the handler had finished first.
   */
  execute(attempt: Attempt): Promise<Outcome>;
}
