import type { TableNames } from '../table-names.ts';
import type { Candidate } from './select-candidates.ts';
import type { Statement } from './statement.ts';

/** The writes of a claim: the tasks become running under one token, and each attempt gets its row. */
export function claimStatements(
  names: TableNames,
  owner: { device_id: string; instance_token: Buffer; claim_token: Buffer },
  claimed: Array<Candidate & { lease_s: number }>,
): Statement[] {
  return [
    {
      sql: `UPDATE ${names.task} SET status = 'running', attempt = attempt + 1, claim_token = ?, target_device_id = NULL,
              target_until = NULL, updated_at = NOW(3) WHERE id IN (?)`,
      values: [owner.claim_token, claimed.map((one) => one.id)],
      expect: claimed.length,
    },
    {
      sql: `INSERT INTO ${names.assignment}
              (task_id, device_id, retry_count, attempt, claim_token, instance_token, deadline_at) VALUES
            ${claimed.map(() => '(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)').join(', ')}`,
      values: claimed.flatMap((one) => [
        one.id,
        owner.device_id,
        one.retry ?? 0,
        one.attempt + 1,
        owner.claim_token,
        owner.instance_token,
        one.lease_s,
      ]),
      expect: claimed.length,
    },
  ];
}
