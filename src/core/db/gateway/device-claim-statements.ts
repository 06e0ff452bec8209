// The statements of claim-for-devices.ts that those of one device have not: each row is its own device's, under that one's token.
import { AfdError } from '../../domain/errors.ts';
import type { ClaimedTask } from '../claim/claimed-task.ts';
import { NO_INLINE_CLAIM } from '../claim/inline-claim.ts';
import { materializeAttempts, type Statement } from '../claim/statements.ts';
import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** One device's part of a claim. */
export interface DeviceClaim {
  device_id: string;
  instance_token: Buffer;
  /** Random, 16 bytes. */
  claim_token: Buffer;
  limit: number;
}

export interface DeviceTask {
  task: ClaimedTask;
  owner: DeviceClaim;
}

/** Index: device_id. */
export function readPermissions(names: TableNames, devices: DeviceClaim[]): Statement {
  return {
    sql: `SELECT device_id, operator_state, status, instance_token FROM ${names.device} WHERE device_id IN (?)`,
    values: [devices.map((one) => one.device_id)],
  };
}

/** Pending rows that batch 1 has locked become theirs. The last statement reads the ids of the attempts. */
export function claimsOfDevices(names: TableNames, taken: DeviceTask[]): Statement[] {
  if (taken.length === 0) return [];
  const ids = taken.map(({ task }) => task.id);
  const left = taken.flatMap(({ task }) => (task.claimed_by === null ? [] : [task.id]));
  const tokens = [...new Set(taken.map(({ owner }) => owner.claim_token))];
  return [
    ...(left.length > 0 ? [materializeAttempts(names, left, { status: 'lost', cause: 'foreign' })] : []),
    {
      sql: `UPDATE ${names.task} SET status = 'running', attempt = LEAST(attempt, 2147483646) + 1,
              claim_token = CASE id ${taken.map(() => 'WHEN ? THEN ?').join(' ')} END, ${NO_INLINE_CLAIM},
              target_device_id = NULL, target_until = NULL, updated_at = NOW(3) WHERE id IN (?)`,
      values: [...taken.flatMap(({ task, owner }) => [task.id, owner.claim_token]), ids],
      expect: ids.length,
    },
    {
      sql: `INSERT INTO ${names.assignment} (task_id, device_id, retry_count, attempt, claim_token, instance_token, deadline_at)
            VALUES ${taken.map(() => '(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3) + INTERVAL ? SECOND)').join(', ')}`,
      values: taken.flatMap(({ task, owner }) => [
        ...[task.id, owner.device_id, task.retry ?? 0, Math.min(task.attempt, 2147483646) + 1],
        ...[owner.claim_token, owner.instance_token, task.lease_s],
      ]),
      expect: ids.length,
    },
    {
      sql: `SELECT id, task_id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id IN (?) AND claim_token IN (?)`,
      values: [ids, tokens],
    },
  ];
}

/** By task, from the answer to that last statement. @throws AfdError E_INTERNAL when one is missing */
export function attemptIds(rows: Row[] | undefined, taken: ClaimedTask[]): Map<number, number> {
  if (taken.length === 0) return new Map();
  const ids = new Map(rows?.map((row): [number, number] => [row.task_id, row.id]));
  const missing = taken.find((one) => !ids.has(one.id));
  if (missing === undefined) return ids;
  throw new AfdError('E_INTERNAL', `The attempt of task ${missing.id} that was just inserted is not there.`);
}
