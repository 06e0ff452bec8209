import type { Claimed, Gate } from '../db/finish-and-claim.ts';
import type { Start } from '../db/queries/flush-starts.ts';
import type { Candidate } from '../db/queries/select-candidates.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { Verdict } from '../domain/settlement.ts';
import type { NewTask } from '../domain/task.ts';
import type { LaneBook } from './lane-book.ts';
import type { Scout } from './scout.ts';

/** What a claimer works with, and whom it tells. */
export interface ClaimerOptions {
  session: Session;
  names: TableNames;
  book: LaneBook;
  scout: Scout;
  deviceId: string;
  instanceToken: Buffer;
  policy: { maxRetryCount: number; backoff: (retry: number) => number };
  /** Seconds from claim to the leader's backstop. */
  leaseOf(candidate: Candidate): number;
  freeSlots(): number;
  onClaimed(claimed: Claimed[], token: Buffer): void;
  /** A transaction that asked for tasks has committed. `began`: monotonic ms at which it did. */
  onExchange(exchange: { began: number; asked: number; claimed: Claimed[] }): void;
  onVerdict(verdict: Verdict): void;
  onGate(gate: Gate): void;
  onWarning(message: string): void;
  insertTasks(tasks: NewTask[], parentId: number): Promise<void>;
  /** Attempts that have run long enough to be written as started; each is returned once. */
  dueStarts(): Start[];
  /** Milliseconds until the next attempt is due to be written as started; infinite when none is. */
  nextStartMs(): number;
  /** These attempts are no longer ours. */
  onStartsLost(assignmentIds: number[]): void;
  /** There is nothing to say and nothing known to ask. */
  onIdle(): void;
}
