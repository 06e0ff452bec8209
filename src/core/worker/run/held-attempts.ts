// Bookkeeping of the attempts of one worker: what ended how, what was lost, what must be written as started.

import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { OpenAssignment } from '../../db/attempts/open-assignments.ts';
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import type { Claimer } from '../claim/claimer.ts';
import type { DeferredAttempt } from '../claim/claimer-options.ts';
import type { LaneCatalog } from '../claim/lane-catalog.ts';
import { PREFETCH_TTL_MS, type TaskTimings } from '../claim/task-timings.ts';
import type { Runner } from './runner.ts';
import type { RunningAttempt } from './running-attempt.ts';

export interface HeldAttemptsOptions {
  events: Events;
  catalog: LaneCatalog;
  timings: TaskTimings;
  /** An attempt that runs longer is written as started. */
  startFlushAfterMs: number;
  /** Seconds between an attempt's timeout and the leader's backstop. */
  deadlineSlackS: number;
}

export class HeldAttempts {
  readonly #options: HeldAttemptsOptions;
  /** Attempts by how they ended. */
  readonly finished: Record<string, number> = {};
  /** Monotonic time of the last claim or end. */
  busyAt = Number.NEGATIVE_INFINITY;

  constructor(options: HeldAttemptsOptions) {
    this.#options = options;
  }

  /** An attempt ended here. A lost one is not written: another process owns it. */
  onFinish(finish: Finish, attempt: RunningAttempt, claimer: Claimer): void {
    this.busyAt = monotonic();
    if (attempt.stop.reason === 'lost') return;
    if (finish.age_ms !== null) this.#options.timings.note(attempt.task_type, finish.age_ms);
    if (finish.outcome.kind !== 'done') this.#options.catalog.dropCursors(attempt.task_type);
    claimer.finish(finish);
  }

  /** The database has spoken about an end. */
  onReconciled(result: Reconciled): void {
    const { events } = this.#options;
    this.busyAt = monotonic();
    const finish = result.kind === 'accepted' ? result.end.finish : result.finish;
    const { task_id, task_type, attempt } = finish;
    if (result.kind === 'lost') {
      // A release of an attempt that another process has ended already needs no report.
      if (finish.outcome.kind !== 'released') events.emit('task:lost', { task_id, attempt, reason: result.reason });
      return;
    }
    const mine = result.kind === 'accepted' ? result.end : undefined;
    const outcome = mine?.assignment_status === 'cancelled' ? ('cancelled' as const) : finish.outcome.kind;
    this.finished[outcome] = (this.finished[outcome] ?? 0) + 1;
    const message = 'error_message' in finish.outcome ? { error_message: finish.outcome.error_message } : {};
    const task_status = result.kind === 'accepted' ? result.end.task_status : result.task_status;
    events.emit('task:finished', { task_id, task_type, attempt, outcome, task_status, ...message });
  }

  /** Deferred claims that are due to get their rows: other processes should see what runs for this long. */
  dueToMaterialize(runner: Runner): DeferredAttempt[] {
    const before = monotonic() - this.#options.startFlushAfterMs;
    const due = runner
      .attempts()
      .filter((one) => isOpen(one) && one.assignment_id === null && !one.unwritable && one.claimedAt <= before);
    for (const one of due) if (one.state === 'running') this.#lasts(one);
    return due;
  }

  /** An attempt that has no row now, and had none to get, is no longer ours. */
  onMaterialized(asked: DeferredAttempt[], rows: MaterializedAttempt[], runner: Runner): void {
    const byTask = new Map(rows.map((one) => [one.task_id, one.assignment_id]));
    for (const one of asked) {
      const attempt = runner.get(attemptKey(one));
      if (attempt === undefined || !isOpen(attempt)) continue;
      const id = byTask.get(one.task_id);
      if (id === undefined) this.#lose(attempt, runner, 'the attempt no longer holds the task');
      else materialized(attempt, id);
    }
  }

  /** Attempts that are due to be written as started; each once. */
  dueStarts(runner: Runner): Start[] {
    const now = monotonic();
    return runner.attempts().flatMap((one) => {
      const { assignment_id } = one;
      if (!isUnflushed(one) || assignment_id === null || now - one.startedAt < this.#options.startFlushAfterMs)
        return [];
      one.flushed = true;
      this.#lasts(one);
      const lease_s = one.timeout_s + this.#options.deadlineSlackS;
      return [{ assignment_id, claim_token: one.claim_token, age_ms: now - one.startedAt, lease_s }];
    });
  }

  #lasts({ task_type, startedAt }: RunningAttempt): void {
    this.#options.timings.lasts(task_type, monotonic() - startedAt);
  }

  nextStartMs(runner: Runner): number {
    let next = Number.POSITIVE_INFINITY;
    for (const one of runner.attempts()) {
      if (one.state === 'waiting')
        next = Math.min(next, one.claimedAt + PREFETCH_TTL_MS - this.#options.startFlushAfterMs);
      else if (one.assignment_id === null && !one.unwritable && isOpen(one)) next = Math.min(next, one.claimedAt);
      else if (isUnflushed(one)) next = Math.min(next, one.startedAt);
    }
    return Math.max(0, next + this.#options.startFlushAfterMs - monotonic());
  }

  /** Its row is refused by the server: it runs on, and is written with its end. */
  onUnwritable(one: DeferredAttempt | Start, error: Error, runner: Runner): void {
    const message = `The row of a running attempt could not be written; it will be written when the attempt ends: ${error.message}`;
    this.#options.events.emit('warning', { message });
    const attempt = 'task_id' in one ? runner.get(attemptKey(one)) : undefined;
    if (attempt !== undefined) attempt.unwritable = true;
  }

  /** The write of their start touched no row. */
  onStartsLost(ids: number[], runner: Runner): void {
    for (const one of runner.attempts()) {
      if (one.assignment_id !== null && ids.includes(one.assignment_id) && one.state === 'running')
        this.#lose(one, runner, 'its attempt is no longer open');
    }
  }

  /**
   * Compares the database's list of our open attempts with what runs here. `at`: monotonic time before it was read, so
   * that what was claimed or ended since is not taken for foreign. A deferred claim is in it only if another process
   * materialized it.
   */
  compare(at: number, open: OpenAssignment[], runner: Runner, claimer: Claimer): void {
    const listed = new Map(open.map((one) => [attemptKey(one), one]));
    for (const attempt of runner.attempts()) {
      if (!isOpen(attempt)) continue;
      const row = listed.get(attempt.key);
      if (row !== undefined && attempt.assignment_id === null) materialized(attempt, row.assignment_id);
      if (row?.revoked === true) runner.abort(attempt.key, 'revoked');
      else if (row === undefined && attempt.materializedAt < at)
        this.#lose(attempt, runner, 'another process ended its attempt');
    }
    for (const one of open) {
      if (runner.get(attemptKey(one)) !== undefined || claimer.holds(one, at)) continue;
      const { task_id, assignment_id, claim_token } = one;
      const outcome = { kind: 'released', cause: 'unclaimed' } as const;
      claimer.finish({ task_id, task_type: '', attempt: 0, assignment_id, claim_token, outcome, age_ms: 0 });
    }
  }

  #lose(attempt: RunningAttempt, runner: Runner, reason: string): void {
    if (attempt.stop.reason !== undefined) return;
    this.#options.events.emit('task:lost', { task_id: attempt.task_id, attempt: attempt.attempt, reason });
    runner.abort(attempt.key, 'lost');
  }
}

function isOpen(one: RunningAttempt): boolean {
  return one.state === 'running' || one.state === 'waiting';
}

function isUnflushed(one: RunningAttempt): boolean {
  return one.state === 'running' && !one.flushed;
}

function materialized(attempt: RunningAttempt, assignmentId: number): void {
  attempt.assignment_id = assignmentId;
  attempt.materializedAt = monotonic();
}
