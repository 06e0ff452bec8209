import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface OpenAssignment {
  assignment_id: number;
  task_id: number;
  claim_token: Buffer;
  revoke_outcome: 'cancelled' | 'released' | null;
  revoked: boolean;
}

/** The open attempts of a device; reads idx_device_id, locks nothing. No rows = it holds no task. */
export function openAssignmentsStatement(names: TableNames, deviceId: string) {
  return {
    sql: `SELECT id, task_id, claim_token, revoked_at, revoke_outcome FROM ${names.assignment} FORCE INDEX (idx_device_id)
          WHERE device_id = ? AND status IN ('assigned', 'running')`,
    values: [deviceId],
  };
}

export function openAssignment(row: Row): OpenAssignment {
  return {
    assignment_id: row.id,
    task_id: row.task_id,
    claim_token: row.claim_token,
    revoked: row.revoked_at !== null,
    revoke_outcome: row.revoke_outcome,
  };
}
