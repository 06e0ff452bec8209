import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface OpenAssignment {
  assignment_id: number;
  task_id: number;
  claim_token: Buffer;
  revoke_outcome: 'cancelled' | 'released' | null;
  revoked: boolean;
  /** Who revoked it, and why. */
  revoked_by: string | null;
}

/** A branch of the tick: the open attempts of a device, over idx_device_id, no lock. No rows = it holds no task. */
export function openDocument(names: TableNames, deviceId: string): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT 'open', id, JSON_OBJECT('assignment_id', id, 'task_id', task_id, 'claim_token', HEX(claim_token),
            'revoked', revoked_at IS NOT NULL, 'revoke_outcome', revoke_outcome,
            'revoked_by', revoked_by)
          FROM ${names.assignment} FORCE INDEX (idx_device_id)
          WHERE device_id = ? AND status IN ('assigned', 'running')`,
    values: [deviceId],
  };
}

export function openOf(document: Row): OpenAssignment {
  return {
    ...(document as OpenAssignment),
    claim_token: Buffer.from(document.claim_token, 'hex'),
    revoked: Boolean(document.revoked),
  };
}
