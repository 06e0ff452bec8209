// Bookkeeping of the attempts of one worker: what ended how, what was lost, what must be written as started.
import { monotonic } from '../clock.ts';
import type { Start } from '../db/queries/flush-starts.ts';
import type { OpenAssignment } from '../db/queries/open-assignments.ts';
import type { Finish, Verdict } from '../domain/settlement.ts';
import type { Events } from '../events.ts';
import type { Claimer } from './claimer.ts';
import type { LaneBook } from './lane-book.ts';
import type { Runner, RunningAttempt } from './runner.ts';

export interface DeskOptions {
  events: Events;
  book: LaneBook;
  /** An attempt that runs longer is written as started. */
  startFlushAfterMs: number;
  /** Seconds between an attempt's timeout and the leader's backstop. */
  deadlineSlackS: number;
}

export class AttemptDesk {
  readonly #options: DeskOptions;
  /** Attempts by how they ended. */
  readonly finished: Record<string, number> = {};
  /** Monotonic time of the last claim or end. */
  busyAt = Number.NEGATIVE_INFINITY;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** An attempt ended here. What was lost is not written: it belongs to somebody else. */
  onFinish(finish: Finish, attempt: RunningAttempt, claimer: Claimer): void {
    this.busyAt = monotonic();
    if (attempt.controller.signal.reason === 'lost') return;
    if (finish.outcome.kind !== 'done') this.#options.book.dropMarks(attempt.task_type);
    claimer.finish(finish);
  }

  /** The database has spoken about an end. */
  onVerdict(verdict: Verdict): void {
    const { events } = this.#options;
    this.busyAt = monotonic();
    const finish = verdict.kind === 'mine' ? verdict.settlement.finish : verdict.finish;
    const { task_id, task_type, attempt } = finish;
    if (verdict.kind === 'lost') {
      // A release of what somebody has ended already is nothing to report.
      if (finish.outcome.kind !== 'released') events.emit('task:lost', { task_id, attempt, reason: verdict.reason });
      return;
    }
    const mine = verdict.kind === 'mine' ? verdict.settlement : undefined;
    const outcome = mine?.assignment_status === 'cancelled' ? ('cancelled' as const) : finish.outcome.kind;
    this.finished[outcome] = (this.finished[outcome] ?? 0) + 1;
    const message = 'error_message' in finish.outcome ? { error_message: finish.outcome.error_message } : {};
    const task_status = verdict.kind === 'mine' ? verdict.settlement.task_status : verdict.task_status;
    events.emit('task:finished', { task_id, task_type, attempt, outcome, task_status, ...message });
  }

  /** Attempts that are due to be written as started; each once. */
  dueStarts(runner: Runner): Start[] {
    const now = monotonic();
    return this.#unflushed(runner)
      .filter((one) => now - one.startedAt >= this.#options.startFlushAfterMs)
      .map((one) => {
        one.flushed = true;
        const lease_s = one.timeout_s + this.#options.deadlineSlackS;
        return { assignment_id: one.assignment_id, claim_token: one.claim_token, age_ms: now - one.startedAt, lease_s };
      });
  }

  nextStartMs(runner: Runner): number {
    const due = this.#unflushed(runner).map((one) => one.startedAt + this.#options.startFlushAfterMs);
    return due.length === 0 ? Number.POSITIVE_INFINITY : Math.max(0, Math.min(...due) - monotonic());
  }

  /** The write of their start touched no row. */
  onStartsLost(ids: number[], runner: Runner): void {
    for (const one of runner.attempts()) {
      if (ids.includes(one.assignment_id) && one.state === 'running')
        this.#lose(one, runner, 'its assignment is not open any more');
    }
  }

  /**
   * The database's list of our open attempts against what runs here. `at`: monotonic time before it was read, so that
   * what was claimed or ended since is not taken for foreign.
   */
  compare(at: number, open: OpenAssignment[], runner: Runner, claimer: Claimer): void {
    const listed = new Map(open.map((one) => [one.assignment_id, one]));
    for (const attempt of runner.attempts()) {
      if (attempt.state !== 'running') continue;
      const row = listed.get(attempt.assignment_id);
      if (row?.revoked === true) runner.abort(attempt.assignment_id, 'revoked');
      else if (row === undefined && attempt.claimedAt < at)
        this.#lose(attempt, runner, 'its assignment was ended by somebody else');
    }
    for (const one of open) {
      if (runner.has(one.assignment_id) || claimer.holds(one.claim_token, one.assignment_id, at)) continue;
      const { task_id, assignment_id, claim_token } = one;
      const outcome = { kind: 'released', cause: 'unclaimed' } as const;
      claimer.finish({ task_id, task_type: '', attempt: 0, assignment_id, claim_token, outcome, age_ms: 0 });
    }
  }

  #lose(attempt: RunningAttempt, runner: Runner, reason: string): void {
    if (attempt.controller.signal.aborted) return;
    this.#options.events.emit('task:lost', { task_id: attempt.task_id, attempt: attempt.attempt, reason });
    runner.abort(attempt.assignment_id, 'lost');
  }

  #unflushed(runner: Runner): RunningAttempt[] {
    return runner.attempts().filter((one) => !one.flushed && one.state === 'running');
  }
}
