import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { ClaimPermission } from '../../db/claim/finish-and-claim.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { Reconciled } from '../../domain/attempt/reconcile.ts';
import type { NewTask } from '../../domain/task/task.ts';
import type { LaneCatalog } from './lane-catalog.ts';
import type { Poller } from './poller.ts';
import type { TaskTimings } from './task-timings.ts';

/** An attempt that has no row yet. */
export interface DeferredAttempt {
  task_id: number;
  claim_token: Buffer;
}

/** What a claimer works with, and what it notifies. */
export interface ClaimerOptions {
  session: Session;
  names: TableNames;
  catalog: LaneCatalog;
  poller: Poller;
  deviceId: string;
  instanceToken: Buffer;
  policy: { maxRetryCount: number; backoff: (retry: number) => number };
  /** Seconds from claim to the leader's backstop. */
  leaseOf(candidate: ClaimedTask): number;
  timings: TaskTimings;
  /** Room for tasks when `prefetch` of them may wait for a slot, and how many can begin now. */
  room(prefetch: number): number;
  /** How much of that room the claim may fill: no more than a ring asked for. Called once per claim. */
  limit(room: number): number;
  /** Slots that long tasks do not hold. */
  shortSlots(): number;
  /** More attempts run here than these, which have ended. */
  othersRun(ended: number): boolean;
  onClaimed(claimed: ClaimedTask[], token: Buffer): void;
  /** A transaction that asked for tasks has committed. `began`: monotonic ms at which it did. */
  onExchange(exchange: { began: number; asked: number; claimed: ClaimedTask[] }): void;
  onReconciled(result: Reconciled): void;
  onPermission(permission: ClaimPermission): void;
  onWarning(message: string): void;
  /** What keeps transactions from going through; undefined = they do again. Once for each cause. */
  onTrouble(cause: string | undefined): void;
  /** A task that the server lets no worker claim. */
  onAside(aside: { task_id: number; failed: boolean; message: string }): void;
  insertTasks(tasks: NewTask[], parentId: number): Promise<void>;
  /** Returns prefetched tasks that have waited for too long. */
  returnPrefetched(): void;
  /** Deferred claims that have gone on for long enough to get their rows. */
  dueToMaterialize(): DeferredAttempt[];
  /** What was asked for, and the rows that there are now: an attempt without one is no longer ours. */
  onMaterialized(asked: DeferredAttempt[], rows: MaterializedAttempt[]): void;
  /** Attempts that have run long enough to be written as started; each is returned once. */
  dueStarts(): Start[];
  /** Milliseconds until the next attempt is due to be materialized or written as started; infinite when none is. */
  nextStartMs(): number;
  /** The server refuses to write that this attempt goes on, for the sake of its row: it is not asked again. */
  onUnwritable(one: DeferredAttempt | Start, error: Error): void;
  /** These attempts are no longer ours. */
  onStartsLost(assignmentIds: number[]): void;
  /** There is nothing to say and nothing known to ask. */
  onIdle(): void;
}
