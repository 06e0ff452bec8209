// Runs the handlers of claimed tasks, at most `slots` at once, and ends them when it must. A slot is free again when
// nothing of its attempt runs any more, whatever happened.
import pLimit, { type LimitFunction } from 'p-limit';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import { failedAttempt } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import { timeoutSeconds } from '../../domain/task/timeout.ts';
import { abortedOutcome, abortSentence } from '../../handlers/aborted-outcome.ts';
import type { AbortReason } from '../../handlers/handler.ts';
import { monotonic } from '../../runtime/clock.ts';
import { LOST, OVER } from '../report/running-report.ts';
import { Deadlines } from './deadlines.ts';
import { execute } from './execute.ts';
import type { RunnerOptions } from './runner-options.ts';
import { finishOf, isOpen, type RunningAttempt, shownOutcome, timedOut, waitingAttempt } from './running-attempt.ts';
import { TypePlaces } from './type-places.ts';

/** Reaping a killed process group can take seconds on a machine that is short of CPU. */
const KILLABLE_MORE_MS = 10_000;

export class Runner {
  readonly #options: RunnerOptions;
  readonly #limit: LimitFunction;
  readonly #typeIndex: Map<string, number>;
  /** Of the types that may run fewer attempts than there are slots. */
  readonly places = new Map<string, TypePlaces>();
  /** Slots that are held by handlers whose attempt has ended without them. */
  stuck = 0;
  readonly #deadlines = new Deadlines((attempt) => attempt.stop.abort('timeout'));

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#limit = pLimit(options.slots);
    this.#typeIndex = new Map([...options.handlers.keys()].map((type, n) => [type, n]));
    for (const [type, max] of options.maxima ?? []) if (max < options.slots) this.places.set(type, new TypePlaces(max));
  }

  /** How many more tasks there is room for when `prefetch` of them may wait for a slot. */
  room(prefetch = 0): number {
    return Math.max(0, this.#options.slots + prefetch - this.busy);
  }

  /** Attempts that hold a slot or wait for one; what waits for a place of its type does not. */
  get busy(): number {
    return this.#limit.activeCount + this.#limit.pendingCount;
  }

  /** Slots in use; what waits for one is not counted. */
  get occupied(): number {
    return Math.min(this.busy, this.#options.slots);
  }

  /** Attempts that run, or wait for a slot or a place. */
  get open(): number {
    return this.#options.attempts.open;
  }

  /** Attempts that run, wait for a slot, or hold one although they have ended. */
  attempts(): RunningAttempt[] {
    return this.#options.attempts.all();
  }

  /** Slots whose attempt has run for no longer than `ms`, or that are free; of a type with a maximum: places. */
  slotsYounger(ms: number, taskType?: string): number {
    const now = monotonic();
    let old = 0;
    for (const one of this.attempts()) {
      if (taskType !== undefined && one.task_type !== taskType) continue;
      if ((one.state === 'running' || one.state === 'stuck') && now - one.startedAt > ms) old += 1;
    }
    return (this.places.get(taskType ?? '')?.max ?? this.#options.slots) - old;
  }

  /** Seconds that an attempt of this row may run: the task's own, its handler's, the fleet's; no more than a timer holds. */
  timeoutOf(task: { task_type: string; execution_timeout: number | null }): number {
    const { handlers, defaultTimeoutS } = this.#options;
    return timeoutSeconds(task.execution_timeout, handlers.get(task.task_type)?.timeout ?? defaultTimeoutS);
  }

  /**
   * Begins claimed tasks, as soon as there are slots for them. `generation`: of the pulse board, when the claim was asked for.
   */
  begin(claimed: ClaimedTask[], token: Buffer, generation: number): void {
    for (const one of claimed) this.#start(one, token, generation);
    this.#options.onSlots();
  }

  /** An attempt that runs here already is not started again. */
  #start(claimed: ClaimedTask, token: Buffer, generation: number): void {
    const { attempts, board, prefetchTtlMs } = this.#options;
    const now = monotonic();
    // An answer that lay in the socket while nothing moved here is as old as the last beat.
    const claimedAt = now - board.beatAt > prefetchTtlMs ? board.beatAt : now;
    const attempt = waitingAttempt(claimed, token, this.timeoutOf(claimed), { generation, claimedAt }, this.#onAbort);
    if (attempts.has(attempt.key)) return;
    attempts.add(attempt);
    const places = this.places.get(attempt.task_type);
    if (places === undefined) this.#queue(attempt, claimed);
    else places.enter(attempt, () => this.#queue(attempt, claimed, places));
  }

  /** It waits for a slot, then runs. */
  #queue(attempt: RunningAttempt, claimed: ClaimedTask, places?: TypePlaces): void {
    void this.#limit(() => this.#run(attempt, claimed)).finally(() => {
      this.#options.attempts.delete(attempt);
      if (attempt.state === 'stuck') this.stuck -= 1;
      this.#options.onSlots(places?.leave());
    });
  }

  /** Its outcome follows through onFinish: at once if it has not begun, else when its handler settles or is given up. */
  readonly #onAbort = (attempt: RunningAttempt, reason: AbortReason): void => {
    if (reason === 'lost') attempt.report?.close(LOST);
    if (attempt.state === 'waiting') this.#end(attempt, abortedOutcome(reason, attempt.timeout_s, ''));
    if (attempt.state !== 'running') return;
    attempt.output ??= this.#options.outputOf(attempt);
    attempt.output.note(abortSentence(reason, attempt.timeout_s, attempt.revokedBy));
    const more = this.#killable(attempt) ? KILLABLE_MORE_MS : 0;
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(() => this.#giveUp(attempt), this.#options.stuckAfterMs + more);
  };

  abortAll(reason: AbortReason): void {
    for (const one of this.attempts()) if (isOpen(one)) one.stop.abort(reason);
  }

  /** Returns what has waited for a slot for too long, and what was claimed before the main thread was blocked. */
  returnPrefetched(): void {
    const now = monotonic();
    for (const one of this.attempts()) {
      const outcome = one.state === 'waiting' ? this.#tooLate(one, now) : undefined;
      if (outcome !== undefined) this.#end(one, outcome);
    }
  }

  /** Why an attempt that waits for a slot must not begin any more: others may have it, or should. */
  #tooLate({ generation, claimedAt }: RunningAttempt, now: number): Outcome | undefined {
    if (generation !== this.#options.board.generation) return { kind: 'released', cause: 'blocked' };
    return now - claimedAt > this.#options.prefetchTtlMs ? { kind: 'released', cause: 'prefetched' } : undefined;
  }

  /** Ends at once every attempt that was aborted and goes on: nothing is waited for any more, not even its reaping. */
  giveUpAll(): void {
    for (const one of this.attempts()) {
      const { reason } = one.stop;
      if (reason === undefined) continue;
      if (this.#killable(one)) this.#end(one, abortedOutcome(reason, one.timeout_s, ''));
      else this.#giveUp(one);
    }
  }

  /** Ends a running attempt whose handler failed outside of its promise. Its slot is free when that settles. */
  fail(attempt: RunningAttempt, error_message: string, error_class: string): void {
    if (attempt.state !== 'running') return;
    const { reason } = attempt.stop;
    attempt.stop.abort('uncaught');
    clearTimeout(attempt.timer);
    // What it says after its abort comes from that.
    if (reason === undefined) this.#end(attempt, failedAttempt(error_message, error_class));
    else this.#end(attempt, abortedOutcome(reason, attempt.timeout_s, `; ${error_message}`));
    attempt.timer = setTimeout(() => this.#holdSlot(attempt), this.#options.stuckAfterMs);
  }

  /** Resolves when no attempt is open. A slot may be held longer, by a handler that ignores its abort signal. */
  async drained(): Promise<void> {
    while (this.open > 0) {
      await new Promise<void>((resolve) => {
        this.#drained.push(resolve);
      });
    }
  }

  #drained: Array<() => void> = [];

  async #run(attempt: RunningAttempt, claimed: ClaimedTask): Promise<void> {
    if (attempt.state !== 'waiting') return;
    const { board } = this.#options;
    const now = monotonic();
    const type = this.#typeIndex.get(attempt.task_type) ?? -1;
    attempt.place = board.begin(attempt.task_id, attempt.attempt, type, now + attempt.timeout_s * 1000);
    // After its place is taken: see PulseBoard.
    const tooLate = this.#tooLate(attempt, now);
    if (tooLate !== undefined) {
      board.release(attempt.place);
      this.#end(attempt, tooLate);
      return;
    }
    attempt.state = 'running';
    attempt.startedAt = now;
    this.#deadlines.watch(attempt);
    try {
      const { task_id, task_type, attempt: n } = attempt;
      this.#options.events.emit('task:started', { task_id, task_type, attempt: n });
      const outcome = await execute(this.#options, attempt, claimed);
      attempt.output?.end(outcome.kind !== 'done');
      if (attempt.report?.pending === true) {
        attempt.said = outcome;
        await this.#options.reports.flush(attempt.report);
      }
      this.#end(attempt, outcome);
    } finally {
      clearTimeout(attempt.timer);
    }
  }

  #killable({ task_type }: RunningAttempt): boolean {
    return this.#options.handlers.get(task_type)?.killable === true;
  }

  #giveUp(attempt: RunningAttempt): void {
    if (attempt.state !== 'running') return;
    this.#end(attempt, attempt.stop.reason === 'timeout' ? timedOut(attempt) : { kind: 'released', cause: 'stuck' });
    this.#holdSlot(attempt);
  }

  #holdSlot(attempt: RunningAttempt): void {
    attempt.state = 'stuck';
    this.stuck += 1;
    const { task_id, task_type, attempt: n } = attempt;
    this.#options.events.emit('task:stuck', { task_id, task_type, attempt: n });
    this.#options.onSlots();
  }

  #end(attempt: RunningAttempt, asked: Outcome): void {
    if (attempt.state !== 'running' && attempt.state !== 'waiting') return;
    const outcome = shownOutcome(attempt, attempt.said ?? asked, this.#options.masked);
    attempt.report?.close(OVER);
    const unbegun = attempt.state === 'waiting';
    const age_ms = unbegun ? null : monotonic() - attempt.startedAt;
    attempt.state = 'ended';
    const { attempts, board, onFinish } = this.#options;
    // It holds no slot; its turn in the queue passes by without it.
    if (unbegun) attempts.delete(attempt);
    if (unbegun) this.places.get(attempt.task_type)?.forget(attempt);
    const finish: Finish = finishOf(attempt, outcome, age_ms);
    if (!unbegun) {
      finish.place = attempt.place;
      board.ended(attempt.place);
    }
    const lost = attempt.stop.reason === 'lost';
    attempts.ended({ finish, lost });
    if (!lost) onFinish(finish);
    else if (!unbegun) board.release(attempt.place);
    if (attempts.open === 0) for (const resolve of this.#drained.splice(0)) setImmediate(resolve);
  }
}
