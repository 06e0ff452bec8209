import type { TableNames } from '../table-names.ts';
import type { Candidate } from './candidate.ts';
import { claimedRows } from './claimed-rows.ts';
import { materializeAttempts, NO_INLINE_CLAIM } from './inline-claim.ts';
import type { Statement } from './statement.ts';

export interface ClaimOwner {
  device_id: string;
  instance_token: Buffer;
  claim_token: Buffer;
}

/** A candidate that is taken. `lease_s`: seconds until the leader's backstop. */
export type Taken = Candidate & { lease_s: number; deferred: boolean };

/**
 * The writes of a claim: the tasks become running under one token. Each attempt gets its row, and the last statement
 * reads the ids of those rows; a light one gets it with its end, and stands on the task row until then. What a light claim
 * left on a row that another program has set back is recorded first.
 */
export function claimStatements(names: TableNames, owner: ClaimOwner, taken: Taken[]): Statement[] {
  const deferred = taken.filter((one) => one.deferred);
  const full = taken.filter((one) => !one.deferred);
  const left = taken.flatMap((one) => (one.claimed_by === null ? [] : [one.id]));
  return [
    ...(left.length > 0 ? [materializeAttempts(names, left, { status: 'lost', cause: 'foreign' })] : []),
    ...(deferred.length > 0 ? [claimTasksDeferred(names, owner, deferred)] : []),
    ...(full.length > 0 ? claimTasks(names, owner, full) : []),
  ];
}

/** Another program may have left it at the end of its range. */
const NEXT_ATTEMPT = 'attempt = LEAST(attempt, 2147483646) + 1';

function claimTasksDeferred(names: TableNames, owner: ClaimOwner, deferred: Taken[]): Statement {
  const leases = new Set(deferred.map((one) => one.lease_s));
  const lease = leases.size === 1 ? '?' : `CASE id ${deferred.map(() => 'WHEN ? THEN ?').join(' ')} END`;
  return {
    sql: `UPDATE ${names.task} SET status = 'running', ${NEXT_ATTEMPT}, claim_token = ?, claimed_by = ?,
            claim_instance = ?, claimed_at = UTC_TIMESTAMP(3), claim_deadline = UTC_TIMESTAMP(3) + INTERVAL ${lease} SECOND,
            target_device_id = NULL, target_until = NULL, updated_at = NOW(3) WHERE id IN (?)`,
    values: [
      owner.claim_token,
      owner.device_id,
      owner.instance_token,
      ...(leases.size === 1 ? leases : deferred.flatMap((one) => [one.id, one.lease_s])),
      deferred.map((one) => one.id),
    ],
    expect: deferred.length,
  };
}

function claimTasks(names: TableNames, owner: ClaimOwner, full: Taken[]): Statement[] {
  const ids = full.map((one) => one.id);
  return [
    {
      sql: `UPDATE ${names.task} SET status = 'running', ${NEXT_ATTEMPT}, claim_token = ?, ${NO_INLINE_CLAIM},
              target_device_id = NULL, target_until = NULL, updated_at = NOW(3) WHERE id IN (?)`,
      values: [owner.claim_token, ids],
      expect: full.length,
    },
    {
      sql: `INSERT INTO ${names.assignment}
              (task_id, device_id, retry_count, attempt, claim_token, instance_token, deadline_at) VALUES
            ${full.map(() => '(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)').join(', ')}`,
      values: full.flatMap((one) => [
        one.id,
        owner.device_id,
        one.retry ?? 0,
        Math.min(one.attempt, 2147483646) + 1,
        owner.claim_token,
        owner.instance_token,
        one.lease_s,
      ]),
      expect: full.length,
    },
    claimedRows(names, owner.claim_token, ids),
  ];
}
