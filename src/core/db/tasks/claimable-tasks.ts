// Which of these tasks may be claimed now, by which devices, and in which lane. Index: PRIMARY. Non-locking; zero rows:
// none, they run already or are due later.

import { requirementsColumn } from '../requirements-text.ts';
import type { Row } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface ClaimableTask {
  lane: Buffer;
  claim_rank: number;
  task_type: string;
  /** JSON text. */
  required_capabilities: string | null;
  /** The only device that may have it; null = any. */
  target_device_id: string | null;
}

export function claimableTasksStatement(names: TableNames, ids: number[]): { sql: string; values: unknown[] } {
  return {
    sql: `SELECT lane, claim_rank, task_type, ${requirementsColumn('required_capabilities')}, IF(status = 'assigned', target_device_id, NULL) AS target
          FROM ${names.task} FORCE INDEX (PRIMARY)
          WHERE id IN (?) AND status IN ('pending', 'assigned') AND due_at <= NOW(3)`,
    values: [ids],
  };
}

export function claimableTask(row: Row): ClaimableTask {
  const { lane, claim_rank, task_type, required_capabilities, target } = row;
  return { lane, claim_rank, task_type, required_capabilities, target_device_id: target };
}
