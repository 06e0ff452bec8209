// Runs the handlers of claimed tasks, at most `slots` at once, and ends them when it must. A slot is free again when
// nothing of its attempt runs any more, whatever happened.
import pLimit, { type LimitFunction } from 'p-limit';
import { monotonic } from '../clock.ts';
import type { Claimed } from '../db/finish-and-claim.ts';
import { LONGEST_TIMEOUT_S } from '../domain/new-task.ts';
import type { Outcome } from '../domain/outcome.ts';
import type { Finish } from '../domain/settlement.ts';
import type { HandlerTask } from '../domain/task.ts';
import { abortedOutcome } from '../handlers/aborted-outcome.ts';
import type { AbortReason, Attempt, Handler, HandlerLog } from '../handlers/handler.ts';
import { Deadlines } from './deadlines.ts';
import { handlerCall, type RunningAttempt, waitingAttempt } from './running-attempt.ts';

/** Reaping a killed process group can take seconds on a machine that is short of CPU. */
const KILLABLE_MORE_MS = 10_000;

export interface RunnerOptions {
  slots: number;
  deviceId: string;
  handlers: Map<string, Handler>;
  defaultTimeoutS: number;
  /** A handler that has not settled so long after its abort is reported as ended without it. */
  stuckAfterMs: number;
  logOf(task: HandlerTask): HandlerLog;
  onStarted(attempt: RunningAttempt): void;
  onFinish(finish: Finish, attempt: RunningAttempt): void;
  onStuck(attempt: RunningAttempt): void;
  /** A slot became free. */
  onFree(): void;
}

export class Runner {
  readonly #options: RunnerOptions;
  readonly #limit: LimitFunction;
  readonly #attempts = new Map<string, RunningAttempt>();
  /** Attempts that run or wait for a slot. */
  open = 0;
  readonly #deadlines = new Deadlines((attempt) => this.abort(attempt.key, 'timeout'));

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#limit = pLimit(options.slots);
  }

  /** Room for so many more tasks when `ahead` of them may wait for a slot. */
  room(ahead = 0): number {
    return Math.max(0, this.#options.slots + ahead - this.busy);
  }

  get busy(): number {
    return this.#limit.activeCount + this.#limit.pendingCount;
  }

  /** Slots in use; what waits for one is not counted. */
  get occupied(): number {
    return Math.min(this.busy, this.#options.slots);
  }

  attempts(): RunningAttempt[] {
    return [...this.#attempts.values()];
  }

  get(key: string): RunningAttempt | undefined {
    return this.#attempts.get(key);
  }

  /** Slots whose attempt has run for no longer than `ms`, or that are free. */
  slotsYounger(ms: number): number {
    const now = monotonic();
    let old = 0;
    for (const one of this.#attempts.values()) {
      if ((one.state === 'running' || one.state === 'stuck') && now - one.startedAt > ms) old += 1;
    }
    return this.#options.slots - old;
  }

  /** Seconds that an attempt of this row may run: the task's own, its handler's, the fleet's; no more than a timer holds. */
  timeoutOf(task: { task_type: string; execution_timeout: number | null }): number {
    return Math.min(
      LONGEST_TIMEOUT_S,
      task.execution_timeout ?? this.#options.handlers.get(task.task_type)?.timeout ?? this.#options.defaultTimeoutS,
    );
  }

  /** An attempt that runs here already is not started again. */
  start(claimed: Claimed, token: Buffer): void {
    const attempt = waitingAttempt(claimed, token, this.timeoutOf(claimed));
    if (this.#attempts.has(attempt.key)) return;
    this.#attempts.set(attempt.key, attempt);
    this.open += 1;
    void this.#limit(() => this.#run(attempt, claimed)).finally(() => {
      this.#attempts.delete(attempt.key);
      this.#options.onFree();
    });
  }

  /** Ends one attempt from outside; its outcome follows through onFinish, at once if it has not begun. */
  abort(key: string, reason: AbortReason): void {
    const attempt = this.#attempts.get(key);
    if (attempt === undefined || (attempt.state !== 'running' && attempt.state !== 'waiting')) return;
    if (!attempt.stop.abort(reason)) return;
    if (attempt.state === 'waiting') {
      this.#end(attempt, abortedOutcome(reason, attempt.timeout_s, ''));
      return;
    }
    const more = this.#options.handlers.get(attempt.task_type)?.killable === true ? KILLABLE_MORE_MS : 0;
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(() => this.#giveUp(attempt), this.#options.stuckAfterMs + more);
  }

  abortAll(reason: AbortReason): void {
    for (const key of [...this.#attempts.keys()]) this.abort(key, reason);
  }

  /** Gives back what has waited for a slot for longer than `ms`: the slots are slower than they were. */
  giveBack(ms: number): void {
    const now = monotonic();
    for (const one of this.#attempts.values()) {
      if (one.state === 'waiting' && now - one.claimedAt > ms) this.#end(one, { kind: 'released', cause: 'ahead' });
    }
  }

  /** Resolves when no attempt runs. */
  async drained(): Promise<void> {
    while (this.busy > 0) {
      await new Promise<void>((resolve) => {
        this.#drained.push(resolve);
      });
    }
  }

  #drained: Array<() => void> = [];

  async #run(attempt: RunningAttempt, claimed: Claimed): Promise<void> {
    if (attempt.state !== 'waiting') return this.#tellDrained();
    attempt.state = 'running';
    attempt.startedAt = monotonic();
    this.#deadlines.watch(attempt);
    try {
      this.#options.onStarted(attempt);
      const outcome = await this.#execute(attempt, claimed);
      this.#end(attempt, outcome);
    } finally {
      clearTimeout(attempt.timer);
      this.#tellDrained();
    }
  }

  #tellDrained(): void {
    for (const resolve of this.#drained.splice(0)) setImmediate(resolve);
  }

  async #execute(attempt: RunningAttempt, claimed: Claimed): Promise<Outcome> {
    const handler = this.#options.handlers.get(claimed.task_type);
    if (handler === undefined) {
      return {
        kind: 'permanent',
        error_class: 'no_handler',
        error_message: `This device has no handler for ${claimed.task_type}.`,
      };
    }
    let call: Attempt;
    try {
      call = handlerCall(claimed, attempt, this.#options.deviceId, this.#options.logOf);
    } catch (error) {
      return {
        kind: 'permanent',
        error_class: 'payload',
        error_message: `The payload cannot be read: ${(error as Error).message}`,
      };
    }
    return handler.execute(call);
  }

  #giveUp(attempt: RunningAttempt): void {
    if (attempt.state !== 'running') return;
    this.#options.onStuck(attempt);
    this.#end(attempt, attempt.stop.reason === 'timeout' ? timedOut(attempt) : { kind: 'released', cause: 'stuck' });
    attempt.state = 'stuck';
  }

  #end(attempt: RunningAttempt, outcome: Outcome): void {
    if (attempt.state !== 'running' && attempt.state !== 'waiting') return;
    const unbegun = attempt.state === 'waiting';
    const age_ms = unbegun ? null : monotonic() - attempt.startedAt;
    attempt.state = 'ended';
    this.open -= 1;
    // It holds no slot; its place in the queue passes by without it.
    if (unbegun) this.#attempts.delete(attempt.key);
    const { task_id, task_type, attempt: n, assignment_id, claim_token } = attempt;
    const finish = { task_id, task_type, attempt: n, assignment_id, claim_token, outcome, age_ms };
    this.#options.onFinish(finish, attempt);
  }
}

function timedOut(attempt: RunningAttempt): Outcome {
  return {
    kind: 'timeout',
    error_message: `The attempt ran longer than its ${attempt.timeout_s} s, and its handler ignores the abort signal.`,
  };
}
