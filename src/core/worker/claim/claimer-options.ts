import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { ClaimPermission } from '../../db/claim/finish-and-claim.ts';
import type { Reconciled } from '../../domain/attempt/reconcile.ts';
import type { Events } from '../../runtime/events.ts';
import type { ExchangeResult, HeldClaim, PlannedClaim, WorkPort } from '../port/work-port.ts';
import type { Payloads } from './payloads.ts';

/** What runs the tasks that a claim has brought. */
export interface ClaimedTaskRunner {
  /** Attempts that hold a slot or wait for one. */
  readonly busy: number;
  /** Runs them. `generation`: of the pulse board, when the claim was planned. */
  begin(claimed: ClaimedTask[], token: Buffer, generation: number): void;
  /** Returns prefetched tasks that have waited for too long. */
  returnPrefetched(): void;
}

/** What the attempts of this worker have to say to the database, and what it has said of them. */
export interface ReportedAttempts {
  /** Deferred claims that have gone on for long enough to get their rows. */
  dueToMaterialize(): HeldClaim[];
  /** What was asked for, and the rows that there are now: an attempt without one is no longer ours. */
  materialized(asked: HeldClaim[], rows: MaterializedAttempt[]): void;
  /** Attempts that have run long enough to be written as started; each is returned once. */
  dueStarts(): Start[];
  /** These attempts are no longer ours. */
  startsLost(assignmentIds: number[]): void;
  /** The server refuses to write that this attempt goes on, for the sake of its row: it is not asked again. */
  unwritable(one: HeldClaim | Start, error: Error): void;
  /** Milliseconds until the next attempt is due to be materialized or written as started; infinite when none is. */
  nextStartMs(): number;
}

/** Plans claims, and learns from what they bring. */
export interface Planner<C extends PlannedClaim, R extends ExchangeResult> {
  /** The next claim, if one is due. */
  next(): C | undefined;
  /** A claim has come back. True = the next one may follow at once. @throws DatabaseError */
  learn(claim: C, result: R): Promise<boolean>;
  /** A claim failed on its way. */
  failed(claim: C, error: unknown): void;
  /** A transaction with this claim was refused for the sake of some row. @throws DatabaseError */
  refused(claim: C, error: Error, withEnds: boolean): Promise<void>;
  /** Something may have changed: a pause is over. */
  news(): void;
  /** Slots in which a task can begin now, if this worker may claim. */
  readonly free: number;
  /** Milliseconds until a claim is worth another try; infinite = nothing waits for time to pass. */
  readonly againMs: number;
  /** At least half of what may be prefetched is. */
  readonly hasPrefetched: boolean;
  /** Of the pulse board, when a claim was last planned. */
  readonly generation: number;
}

/** Polls for work between the ticks. */
export interface Polls {
  /** Monotonic time at which the last poll began. */
  readonly polledAt: number;
  /** Milliseconds until the next poll; infinite when something else does it. */
  nextPollMs(): number;
  /** @throws DatabaseError */
  poll(): Promise<void>;
  /** A claim got something: poll again soon. */
  hit(): void;
  /** Tasks were inserted here: the next poll discovers them. */
  discoverNow(): void;
}

/** What a claimer works with, and what it notifies. */
export interface ClaimerOptions<C extends PlannedClaim, R extends ExchangeResult> {
  work: WorkPort<C, R>;
  /** `warning`, `work:troubled`. */
  events: Events;
  planner: Planner<C, R>;
  poller: Omit<Polls, 'polledAt'>;
  payloads: Payloads;
  runner: ClaimedTaskRunner;
  attempts: ReportedAttempts;
  /** A transaction that asked for tasks has committed. `began`: monotonic ms at which it did. */
  onExchange(exchange: { began: number; asked: number; claimed: ClaimedTask[] }): void;
  onReconciled(result: Reconciled): void;
  onPermission(permission: ClaimPermission): void;
  /** There is nothing to say and nothing known to ask. */
  onIdle(): void;
}
