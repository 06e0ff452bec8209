// The one hot transaction: it writes the attempts that have ended since the last one, then claims tasks for the free
// slots, in two round trips. The locks of packet 1 decide everything, so packet 2 only writes and commits.
// Lock order: own task rows by id, own assignment rows by id, then candidates by SKIP LOCKED (which never waits).

import { AfdError } from '../domain/errors.ts';
import { type Finish, type LockedAssignment, type LockedTask, settle, type Verdict } from '../domain/settlement.ts';
import type { NewTask } from '../domain/task.ts';
import { DatabaseError } from './database-error.ts';
import { repairAttempts } from './queries/repair-attempts.ts';
import { type Candidate, type ClaimSource, candidateStatement } from './queries/select-candidates.ts';
import type { Statement } from './queries/statement.ts';
import { claimStatements } from './queries/write-claims.ts';
import { finishStatements } from './queries/write-finishes.ts';
import type { Result, Row, Session } from './session.ts';
import type { TableNames } from './table-names.ts';
import { rollback } from './transaction.ts';

export interface Claim {
  /** Random, 16 bytes; the caller remembers it before the claim is sent. */
  claim_token: Buffer;
  limit: number;
  /** Asked in this order; the first goes into packet 1, each further one costs a round trip and is asked only while slots are left. */
  sources: ClaimSource[];
  /** Seconds for which the attempt's deadline is set: timeout + slack. */
  leaseOf(candidate: Candidate): number;
  /** False = leave the row alone (a directed task that this device cannot run). */
  accepts(candidate: Candidate): boolean;
}

export interface FinishAndClaimInput {
  device_id: string;
  instance_token: Buffer;
  finishes: Finish[];
  claim: Claim | undefined;
  policy: { maxRetryCount: number; backoff: (retry: number) => number };
  /** Inserts tasks of a finished attempt inside this transaction. */
  enqueue?: (tasks: NewTask[], finish: Finish) => Promise<void>;
}

export interface Claimed extends Candidate {
  assignment_id: number;
}

/** Whether the device row allowed a claim; `superseded` = another instance owns the device id now. */
export type Gate = 'open' | 'paused' | 'offline' | 'superseded' | 'missing' | 'not-asked';

export interface FinishAndClaimResult {
  verdicts: Verdict[];
  claimed: Claimed[];
  /** Rows accepted from each source that was asked, in order. */
  taken: number[];
  gate: Gate;
}

/**
 * Runs the transaction once. Deadlocks and lock waits are the caller's to repeat (nothing has happened then).
 * @throws DatabaseError; after a lost connection the outcome is unknown: finishes may be sent again as they are, a
 *   claim is looked up by its token.
 */
export async function finishAndClaim(
  session: Session,
  names: TableNames,
  input: FinishAndClaimInput,
): Promise<FinishAndClaimResult> {
  for (let repaired = false; ; repaired = true) {
    const candidates: Candidate[] = [];
    try {
      return await attempt(session, names, input, candidates);
    } catch (error) {
      await rollback(session);
      // 1062: the user emptied the task table and ids (and attempt numbers) repeat.
      const duplicate = error instanceof DatabaseError && error.errno === 1062;
      if (!duplicate || repaired || candidates.length === 0) throw error;
      await repairAttempts(
        session,
        names,
        candidates.map((one) => one.id),
      );
    }
  }
}

async function attempt(
  session: Session,
  names: TableNames,
  input: FinishAndClaimInput,
  candidates: Candidate[],
): Promise<FinishAndClaimResult> {
  const { claim } = input;
  // Input order is arbitrary; locks are taken in the order of ids.
  const finishes = [...input.finishes].sort((a, b) => a.task_id - b.task_id);
  const results = await session.packet(openingPacket(names, input, finishes));
  let next = 1;
  const tasks = finishes.length > 0 ? byId<LockedTask>(results[next++]!) : new Map();
  const assignments = finishes.length > 0 ? byId<LockedAssignment>(results[next++]!) : new Map();
  const verdicts = finishes.map((one) =>
    settle(one, tasks.get(one.task_id), assignments.get(one.assignment_id), input.policy),
  );
  const mine = verdicts.flatMap((one) => (one.kind === 'mine' ? [one.settlement] : []));

  const gate: Gate = claim === undefined ? 'not-asked' : gateOf(results[next++]![0], input.instance_token);
  const taken: number[] = [];
  if (claim !== undefined && gate === 'open') {
    const keep = (rows: Row[]) => {
      const accepted = (rows as unknown as Candidate[]).filter((row) => claim.accepts(row));
      taken.push(accepted.length);
      candidates.push(...accepted);
    };
    if (claim.sources.length > 0) keep(results[next++]!);
    for (const source of claim.sources.slice(1)) {
      if (candidates.length >= claim.limit) break;
      const { sql, values } = candidateStatement(names, source, claim.limit - candidates.length);
      keep(await session.rows(sql, values));
    }
  }
  if (input.enqueue !== undefined) {
    for (const { finish } of mine) {
      if (finish.outcome.kind === 'done' && finish.outcome.enqueue.length > 0)
        await input.enqueue(finish.outcome.enqueue, finish);
    }
  }
  const claimed = await closingPacket(session, names, input, finishStatements(names, mine), candidates);
  return { verdicts, claimed, taken, gate };
}

function openingPacket(names: TableNames, input: FinishAndClaimInput, finishes: Finish[]) {
  const packet: Array<{ sql: string; values?: unknown[] }> = [{ sql: 'START TRANSACTION' }];
  if (finishes.length > 0) {
    packet.push(
      {
        sql: `SELECT id, claim_token, status, retry, max_retry_count, target_device_id FROM ${names.task}
              FORCE INDEX (PRIMARY) WHERE id IN (?) ORDER BY id FOR UPDATE`,
        values: [finishes.map((one) => one.task_id)],
      },
      {
        sql: `SELECT id, claim_token, status, revoked_at, revoke_outcome FROM ${names.assignment}
              FORCE INDEX (PRIMARY) WHERE id IN (?) ORDER BY id FOR UPDATE`,
        values: [finishes.map((one) => one.assignment_id)],
      },
    );
  }
  if (input.claim !== undefined) {
    packet.push({
      sql: `SELECT operator_state, status, instance_token FROM ${names.device} WHERE device_id = ?`,
      values: [input.device_id],
    });
    const first = input.claim.sources[0];
    if (first !== undefined) packet.push(candidateStatement(names, first, input.claim.limit));
  }
  return packet;
}

async function closingPacket(
  session: Session,
  names: TableNames,
  input: FinishAndClaimInput,
  finishing: Statement[],
  candidates: Candidate[],
): Promise<Claimed[]> {
  const statements = [...finishing];
  const { claim } = input;
  if (claim !== undefined && candidates.length > 0) {
    const owner = { device_id: input.device_id, instance_token: input.instance_token, claim_token: claim.claim_token };
    statements.push(
      ...claimStatements(
        names,
        owner,
        candidates.map((one) => ({ ...one, lease_s: claim.leaseOf(one) })),
      ),
    );
  }
  const results = await session.packet([...statements, { sql: 'COMMIT' }]);
  assertCounts(statements, results);
  if (candidates.length === 0) return [];
  const { insertId } = results[statements.length - 1]!;
  const step = session.facts.autoIncrementIncrement;
  return candidates.map((one, n) => ({ ...one, assignment_id: insertId + n * step }));
}

function gateOf(device: Row | undefined, instanceToken: Buffer): Gate {
  if (device === undefined) return 'missing';
  if (!instanceToken.equals(device.instance_token ?? Buffer.alloc(0))) return 'superseded';
  if (device.operator_state !== 'active') return 'paused';
  return device.status === 'offline' ? 'offline' : 'open';
}

/** The locks of packet 1 make other counts impossible: a difference is a bug, and the worker must stop claiming. */
function assertCounts(statements: Statement[], results: Result[]): void {
  statements.forEach((statement, n) => {
    const touched = results[n]?.affectedRows;
    if (touched !== statement.expect) {
      throw new AfdError(
        'E_INTERNAL',
        `A statement under lock touched ${touched} rows instead of ${statement.expect}: ${statement.sql.slice(0, 120)}`,
      );
    }
  });
}

function byId<T extends { id: number }>(rows: Row[]): Map<number, T> {
  return new Map((rows as unknown as T[]).map((row) => [row.id, row]));
}
