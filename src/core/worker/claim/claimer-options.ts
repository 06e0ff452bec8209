import type { Start } from '../../db/attempts/flush-starts.ts';
import type { RecordedClaim } from '../../db/attempts/record-claims.ts';
import type { Candidate } from '../../db/claim/candidate.ts';
import type { Claimed, Gate } from '../../db/claim/finish-and-claim.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import type { Verdict } from '../../domain/attempt/settlement.ts';
import type { NewTask } from '../../domain/task/task.ts';
import type { LaneBook } from './lane-catalog.ts';
import type { Scout } from './poller.ts';
import type { Pace } from './task-timings.ts';

/** An attempt that has no row yet. */
export interface LightAttempt {
  task_id: number;
  claim_token: Buffer;
}

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
  pace: Pace;
  /** Room for tasks when `ahead` of them may wait for a slot, and what of it can begin now. */
  room(ahead: number): number;
  /** How much of that room the claim may fill: no more than a ring asked for. Called once per claim. */
  limit(room: number): number;
  /** Slots that long tasks do not hold. */
  briskSlots(): number;
  /** More attempts run here than these, which have ended. */
  othersRun(ended: number): boolean;
  onClaimed(claimed: Claimed[], token: Buffer): void;
  /** A transaction that asked for tasks has committed. `began`: monotonic ms at which it did. */
  onExchange(exchange: { began: number; asked: number; claimed: Claimed[] }): void;
  onVerdict(verdict: Verdict): void;
  onGate(gate: Gate): void;
  onWarning(message: string): void;
  /** What keeps transactions from going through; undefined = they do again. Once for each cause. */
  onTrouble(cause: string | undefined): void;
  /** A task that the server lets nobody claim. */
  onAside(aside: { task_id: number; failed: boolean; message: string }): void;
  insertTasks(tasks: NewTask[], parentId: number): Promise<void>;
  /** Gives back what was claimed ahead and has waited for too long. */
  giveBack(): void;
  /** Light claims that have gone on for long enough to get their rows. */
  dueRecords(): LightAttempt[];
  /** What was asked for, and the rows that there are now: an attempt without one is no longer ours. */
  onRecorded(asked: LightAttempt[], rows: RecordedClaim[]): void;
  /** Attempts that have run long enough to be written as started; each is returned once. */
  dueStarts(): Start[];
  /** Milliseconds until the next attempt is due to be recorded or written as started; infinite when none is. */
  nextStartMs(): number;
  /** The server refuses to write that this attempt goes on, for the sake of its row: it is not asked again. */
  onUnrecordable(one: LightAttempt | Start, error: Error): void;
  /** These attempts are no longer ours. */
  onStartsLost(assignmentIds: number[]): void;
  /** There is nothing to say and nothing known to ask. */
  onIdle(): void;
}
