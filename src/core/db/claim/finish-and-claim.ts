// The most frequent transaction: it writes the attempts that have ended since the last one, then claims tasks for the
// free slots, in two round trips. The locks of batch 1 decide everything, so batch 2 only writes and commits. Its
// statements, in their order: statements.ts. Lock order: own task rows by id, own assignment rows by id, then due tasks
// by SKIP LOCKED, which never waits.

import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { AfdError } from '../../domain/errors.ts';
import type { NewTask } from '../../domain/task/task.ts';
import { DatabaseError, isDuplicate } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { rollback } from '../transaction.ts';
import { assertCounts } from './assert-counts.ts';
import { type ClaimPermission, permissionOf } from './claim-permission.ts';
import type { ClaimedTask } from './claimed-task.ts';
import { finishLocks, reconcileFinishes } from './reconcile-finishes.ts';
import { repairAttempts } from './repair-attempts.ts';
import { BEGIN, COMMIT, RETURN_TICKET, readPermission, type Statement, takeTicket } from './statements.ts';
import { type ClaimRequest, firstRead, type SourceYield, takeTasks } from './take-tasks.ts';
import type { TextWidths } from './text-widths.ts';
import { claimStatements, endStatements } from './write-batch.ts';

export type { ClaimPermission } from './claim-permission.ts';

export interface FinishAndClaimInput {
  device_id: string;
  instance_token: Buffer;
  finishes: Finish[];
  claim: ClaimRequest | undefined;
  policy: { maxRetryCount: number; backoff: (retry: number) => number };
  /** What the text columns can hold. */
  widths: TextWidths;
  /** Inserts tasks of a finished attempt inside this transaction. */
  enqueue?: (tasks: NewTask[], finish: Finish) => Promise<void>;
}

export interface FinishAndClaimResult {
  reconciled: Reconciled[];
  claimed: ClaimedTask[];
  /** What each source that was asked gave, in order. */
  perSource: SourceYield[];
  permission: ClaimPermission;
}

/**
 * Runs the transaction once. The caller repeats it after deadlocks and lock waits (nothing has happened then).
 * @throws ClaimRefused when the server refuses a value of some row; DatabaseError: after a lost connection the outcome
 * is unknown: finishes may be sent again as they are, a claim is looked up by its token.
 */
export async function finishAndClaim(
  session: Session,
  names: TableNames,
  input: FinishAndClaimInput,
): Promise<FinishAndClaimResult> {
  for (let repaired = false; ; repaired = true) {
    const taken: ClaimedTask[] = [];
    try {
      return await attempt(session, names, input, taken);
    } catch (error) {
      await rollback(session);
      // A duplicate: the user emptied the task table and ids (and attempt numbers) repeat.
      const ids = [...taken.map((one) => one.id), ...input.finishes.map((one) => one.task_id)];
      if (!isDuplicate(error) || repaired || ids.length === 0) throw refused(error, taken);
      await repairAttempts(session, names, ids);
    }
  }
}

/** What a claim had taken when the server refused it for the sake of some row. */
export class ClaimRefused extends DatabaseError {
  readonly taskIds: number[];

  constructor(error: DatabaseError, taskIds: number[]) {
    const { errno, retry, fault } = error;
    super(error.code, error.message, { retry, cause: error, ...(errno && { errno }), ...(fault && { fault }) });
    this.taskIds = taskIds;
  }
}

function refused(error: unknown, taken: ClaimedTask[]): unknown {
  const data = error instanceof DatabaseError && error.fault === 'data';
  return data
    ? new ClaimRefused(
        error,
        taken.map((one) => one.id),
      )
    : error;
}

async function attempt(
  session: Session,
  names: TableNames,
  input: FinishAndClaimInput,
  taken: ClaimedTask[],
): Promise<FinishAndClaimResult> {
  const { claim } = input;
  // Input order is arbitrary; locks are taken in the order of ids.
  const finishes = [...input.finishes].sort((a, b) => a.task_id - b.task_id);
  const locks = finishLocks(names, finishes);
  const ticket = ticketOf(names, claim);
  const batch = [...ticket, BEGIN, ...locks, ...claimBatch(names, input)];
  const results = (await session.batch(batch)).slice(ticket.length);
  const outcomes = await reconcileFinishes(session, names, input, finishes, results.slice(1, 1 + locks.length));
  const answers = results.slice(1 + locks.length);
  const permission: ClaimPermission =
    claim === undefined ? 'not-asked' : permissionOf(answers[0]?.[0], input.instance_token);
  const claims = claim !== undefined && permission === 'open' && claim.sources.length > 0;
  const yielded = claims ? await takeTasks(session, names, claim, answers.at(-1)!, taken) : [];
  // Its own attempt, which another program set back: this very transaction materializes it as lost, so not once more.
  for (const one of taken) if (outcomes.lostTaskIds.has(one.id)) one.claimed_by = null;
  if (input.enqueue !== undefined) {
    for (const { finish } of outcomes.accepted) {
      if (finish.outcome.kind === 'done' && finish.outcome.enqueue.length > 0)
        await input.enqueue(finish.outcome.enqueue, finish);
    }
  }
  const closing = [...endStatements(names, { ...input, now: outcomes.now }, outcomes.accepted), ...outcomes.lostRows];
  const claimed = await closingBatch(session, names, input, closing, taken);
  return { reconciled: outcomes.reconciled, claimed, perSource: yielded, permission };
}

function claimBatch(names: TableNames, { claim, device_id }: FinishAndClaimInput) {
  if (claim === undefined) return [];
  return [readPermission(names, device_id), ...firstRead(names, claim)];
}

function ticketOf(names: TableNames, claim: ClaimRequest | undefined) {
  const first = claim?.sources[0];
  return claim?.ticket === true && first?.kind === 'lane'
    ? [RETURN_TICKET, takeTicket(names, first, Math.random())]
    : [];
}

async function closingBatch(
  session: Session,
  names: TableNames,
  input: FinishAndClaimInput,
  finishing: Statement[],
  taken: ClaimedTask[],
): Promise<ClaimedTask[]> {
  const { claim, device_id, instance_token } = input;
  const claiming =
    claim === undefined || taken.length === 0
      ? []
      : claimStatements(names, { device_id, instance_token, claim_token: claim.claim_token }, taken);
  const statements = [...finishing, ...claiming];
  const ended = [COMMIT, ...(claim?.ticket === true ? [RETURN_TICKET] : [])];
  const results = await session.batch([...statements, ...ended]);
  assertCounts(statements, results);
  const full = taken.some((one) => !one.deferred);
  const ids = new Map((full ? results[statements.length - 1]! : []).map((row) => [row.task_id, row.id as number]));
  // The rows are this call's own: copying hundreds of them would cost as much as running them.
  return taken.map((one) => Object.assign(one, { assignment_id: one.deferred ? null : rowOf(ids, one) }));
}

function rowOf(ids: Map<unknown, number>, { id }: ClaimedTask): number {
  const row = ids.get(id);
  if (row === undefined)
    throw new AfdError('E_INTERNAL', `The attempt of task ${id} that was just inserted is not there.`);
  return row;
}
