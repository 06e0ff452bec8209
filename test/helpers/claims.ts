// Claims and ends of one device, sent as its worker sends them.
import { randomBytes } from 'node:crypto';
import type { ClaimSource } from '../../src/core/db/claim/claim-source.ts';
import type { ClaimedTask } from '../../src/core/db/claim/claimed-task.ts';
import { type FinishAndClaimInput, finishAndClaim } from '../../src/core/db/claim/finish-and-claim.ts';
import type { Admission } from '../../src/core/db/claim/take-tasks.ts';
import { ANY_WIDTHS } from '../../src/core/db/claim/text-widths.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import type { Outcome } from '../../src/core/domain/attempt/outcome.ts';
import type { Finish } from '../../src/core/domain/attempt/reconcile.ts';

export interface TestClaim extends ClaimedTask {
  claim_token: Buffer;
}

/** What a test claims: `from` absent = the lane of some pending task. */
export interface ClaimOptions {
  from?: ClaimSource;
  as?: Admission;
  limit?: number;
  /** With a ticket of its lane. */
  ticket?: boolean;
  /** Seconds until the leader's backstop. */
  leaseOf?: (task: { id: number }) => number;
}

type End = [TestClaim, Outcome];
type Turn = Awaited<ReturnType<typeof finishAndClaim>> & { claimed: TestClaim[] };

type Device = { device_id: string; instance_token: Buffer };

/** The device must be registered with this instance. Retries wait 30 s each. */
export function claims(session: Session, names: TableNames, device: Device) {
  const run = (over: Partial<FinishAndClaimInput>) =>
    finishAndClaim(session, names, {
      ...device,
      finishes: [],
      claim: undefined,
      policy: { maxRetryCount: 3, backoff: (retry) => 30 * retry },
      widths: ANY_WIDTHS,
      ...over,
    });
  const someLane = async (): Promise<ClaimSource> => {
    const [row] = await session.rows(`SELECT lane, claim_rank FROM ${names.task} WHERE status = 'pending' LIMIT 1`);
    if (row === undefined) throw new Error('no task is pending');
    return { kind: 'lane', lane: row.lane, claim_rank: row.claim_rank, cursor: undefined };
  };
  const finishOf = ([one, outcome]: End): Finish => ({
    ...{ task_id: one.id, task_type: one.task_type, attempt: one.attempt + 1, assignment_id: one.assignment_id },
    ...{ claim_token: one.claim_token, outcome, age_ms: 5 },
  });
  const turn = async (
    ends: End[],
    { from, as = 'record', limit = 100, ticket = false, leaseOf = () => 60 }: ClaimOptions,
    over: Partial<FinishAndClaimInput> = {},
  ): Promise<Turn> => {
    const claim_token = randomBytes(16);
    const result = await run({
      finishes: ends.map(finishOf),
      claim: {
        ...{ claim_token, limit, sources: [from ?? (await someLane())], countFirst: false, ticket, leaseOf },
        ...{ free: limit, short: limit, alone: false },
        mostFrom: () => Number.POSITIVE_INFINITY,
        admit: () => as,
      },
      ...over,
    });
    return { ...result, claimed: result.claimed.map((one) => ({ ...one, claim_token })) };
  };
  return {
    /** Ends and a claim in one transaction. */
    turn,
    claim: async (options: ClaimOptions = {}): Promise<TestClaim[]> => (await turn([], options)).claimed,
    /** Each task with its outcome, in one transaction. Returns how each was reconciled. */
    finish: async (...ends: End[]): Promise<string[]> =>
      (await run({ finishes: ends.map(finishOf) })).reconciled.map((one) => one.kind),
  };
}
