// The attempts that this worker holds: those that wait for a slot, run, or hold a slot although they have ended; and what the
// database must be told of them, or has said of them.

import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { OpenAssignment } from '../../db/attempts/open-assignments.ts';
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/events.ts';
import { PREFETCH_TTL_MS, type TaskTimings } from '../claim/task-timings.ts';
import type { HeldClaim } from '../port/work-port.ts';
import { isOpen, type RunningAttempt } from './running-attempt.ts';

export interface HeldAttemptsOptions {
  events: Events;
  /** Tasks of this type were put back. */
  returned(taskType: string): void;
  timings: TaskTimings;
  /** An attempt that runs longer is written as started. */
  startFlushAfterMs: number;
  /** What has waited for a slot for longer is returned. */
  prefetchTtlMs?: number;
  /** Seconds between an attempt's timeout and the leader's backstop. */
  deadlineSlackS: number;
}

export class HeldAttempts {
  readonly #options: HeldAttemptsOptions;
  readonly #held = new Map<string, RunningAttempt>();
  readonly #prefetchTtlMs: number;
  /** Attempts that run or wait for a slot. */
  open = 0;
  /** Attempts claimed so far. */
  claimed = 0;
  /** Attempts by how they ended. */
  readonly finished: Record<string, number> = {};
  /** Monotonic time of the last claim or end. */
  busyAt = Number.NEGATIVE_INFINITY;

  constructor(options: HeldAttemptsOptions) {
    this.#options = options;
    this.#prefetchTtlMs = options.prefetchTtlMs ?? PREFETCH_TTL_MS;
  }

  all(): RunningAttempt[] {
    return [...this.#held.values()];
  }

  get(key: string): RunningAttempt | undefined {
    return this.#held.get(key);
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  /** It is claimed, and waits for a slot. */
  add(attempt: RunningAttempt): void {
    this.#held.set(attempt.key, attempt);
    this.open += 1;
    this.claimed += 1;
    this.busyAt = monotonic();
    this.#options.timings.begin();
    const { task_id, task_type, attempt: n } = attempt;
    this.#options.events.emit('task:claimed', { task_id, task_type, attempt: n });
  }

  /** It holds no slot any more. */
  delete(attempt: RunningAttempt): void {
    this.#held.delete(attempt.key);
  }

  /** An attempt ended here; it may hold its slot for longer. */
  ended({ finish, lost }: { finish: Finish; lost: boolean }): void {
    const { timings, returned } = this.#options;
    this.open -= 1;
    this.busyAt = monotonic();
    if (!lost && finish.age_ms !== null) timings.note(finish.task_type, finish.age_ms);
    if (!lost && finish.outcome.kind !== 'done') returned(finish.task_type);
    if (this.open === 0) timings.rest();
  }

  /** The database has spoken about an end. */
  reconciled(result: Reconciled): void {
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
  dueToMaterialize(): HeldClaim[] {
    const before = monotonic() - this.#options.startFlushAfterMs;
    const due = this.all().filter(
      (one) => isOpen(one) && one.assignment_id === null && !one.unwritable && one.claimedAt <= before,
    );
    for (const one of due) if (one.state === 'running') this.#lasts(one);
    return due;
  }

  /** An attempt that has no row now, and had none to get, is no longer ours. */
  materialized(asked: HeldClaim[], rows: MaterializedAttempt[]): void {
    const byTask = new Map(rows.map((one) => [one.task_id, one.assignment_id]));
    for (const one of asked) {
      const attempt = this.#held.get(attemptKey(one));
      if (attempt === undefined || !isOpen(attempt)) continue;
      const id = byTask.get(one.task_id);
      if (id === undefined) this.#lose(attempt, 'the attempt no longer holds the task');
      else hasRow(attempt, id);
    }
  }

  /** Attempts that are due to be written as started; each once. */
  dueStarts(): Start[] {
    const now = monotonic();
    return this.all().flatMap((one) => {
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

  /** Milliseconds until the next attempt is due to be materialized or written as started; infinite when none is. */
  nextStartMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const one of this.#held.values()) {
      if (one.state === 'waiting')
        next = Math.min(next, one.claimedAt + this.#prefetchTtlMs - this.#options.startFlushAfterMs);
      else if (one.assignment_id === null && !one.unwritable && isOpen(one)) next = Math.min(next, one.claimedAt);
      else if (isUnflushed(one)) next = Math.min(next, one.startedAt);
    }
    return Math.max(0, next + this.#options.startFlushAfterMs - monotonic());
  }

  /** Its row is refused by the server: it runs on, and is written with its end. */
  unwritable(one: HeldClaim | Start, error: Error): void {
    const message = `The row of a running attempt could not be written; it will be written when the attempt ends: ${error.message}`;
    this.#options.events.emit('warning', { message });
    const attempt = 'task_id' in one ? this.#held.get(attemptKey(one)) : undefined;
    if (attempt !== undefined) attempt.unwritable = true;
  }

  /** The write of their start touched no row. */
  startsLost(ids: number[]): void {
    for (const one of this.all()) {
      if (one.assignment_id !== null && ids.includes(one.assignment_id) && one.state === 'running')
        this.#lose(one, 'its attempt is no longer open');
    }
  }

  /**
   * Compares the database's list of our open attempts with what runs here. `at`: monotonic time before it was read, so
   * that what was claimed or ended since is not taken for foreign. A deferred claim is in it only if another process
   * materialized it. Returns those of the list that do not run here.
   */
  compare(at: number, open: OpenAssignment[]): OpenAssignment[] {
    const listed = new Map(open.map((one) => [attemptKey(one), one]));
    for (const attempt of this.all()) {
      if (!isOpen(attempt)) continue;
      const row = listed.get(attempt.key);
      if (row !== undefined && attempt.assignment_id === null) hasRow(attempt, row.assignment_id);
      if (row?.revoked === true) {
        attempt.revokedBy = row.revoked_by;
        attempt.stop.abort('revoked');
      }
      if (row === undefined && attempt.materializedAt < at) this.#lose(attempt, 'another process ended its attempt');
    }
    return open.filter((one) => !this.#held.has(attemptKey(one)));
  }

  /** The database says of a write that this attempt no longer holds its task. */
  lost(key: string): void {
    const attempt = this.#held.get(key);
    if (attempt !== undefined && isOpen(attempt)) this.#lose(attempt, 'the attempt no longer holds the task');
  }

  #lose({ stop, task_id, attempt }: RunningAttempt, reason: string): void {
    if (stop.reason !== undefined) return;
    this.#options.events.emit('task:lost', { task_id, attempt, reason });
    stop.abort('lost');
  }
}

function isUnflushed(one: RunningAttempt): boolean {
  return one.state === 'running' && !one.flushed;
}

function hasRow(attempt: RunningAttempt, assignmentId: number): void {
  attempt.assignment_id = assignmentId;
  attempt.materializedAt = monotonic();
}
