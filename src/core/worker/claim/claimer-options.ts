import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { ClaimPermission } from '../../db/claim/finish-and-claim.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { Reconciled } from '../../domain/attempt/reconcile.ts';
import type { Events } from '../../runtime/events.ts';
import type { ClaimPlanner } from './claim-planner.ts';
import type { Payloads } from './payloads.ts';
import type { Poller } from './poller.ts';

/** An attempt that has no row yet. */
export interface DeferredAttempt {
  task_id: number;
  claim_token: Buffer;
}

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
  dueToMaterialize(): DeferredAttempt[];
  /** What was asked for, and the rows that there are now: an attempt without one is no longer ours. */
  materialized(asked: DeferredAttempt[], rows: MaterializedAttempt[]): void;
  /** Attempts that have run long enough to be written as started; each is returned once. */
  dueStarts(): Start[];
  /** These attempts are no longer ours. */
  startsLost(assignmentIds: number[]): void;
  /** The server refuses to write that this attempt goes on, for the sake of its row: it is not asked again. */
  unwritable(one: DeferredAttempt | Start, error: Error): void;
  /** Milliseconds until the next attempt is due to be materialized or written as started; infinite when none is. */
  nextStartMs(): number;
}

/** What a claimer works with, and what it notifies. */
export interface ClaimerOptions {
  session: Session;
  names: TableNames;
  deviceId: string;
  instanceToken: Buffer;
  policy: { readonly maxRetryCount: number; backoff: (retry: number) => number };
  /** `warning`, `work:troubled`. */
  events: Events;
  planner: Pick<
    ClaimPlanner,
    'next' | 'learn' | 'failed' | 'refused' | 'news' | 'free' | 'againMs' | 'hasPrefetched' | 'generation'
  >;
  poller: Pick<Poller, 'nextPollMs' | 'poll' | 'hit' | 'discoverNow'>;
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
