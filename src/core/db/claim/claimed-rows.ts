import type { TableNames } from '../table-names.ts';
import type { Statement } from './statement.ts';

/**
 * The ids of the rows that were inserted just before, read back: a server numbers the rows of one INSERT by steps of
 * auto_increment_increment, and Galera changes that within an open session when a node leaves or comes.
 */
export function claimedRows(names: TableNames, claimToken: Buffer, taskIds: number[]): Statement {
  return {
    sql: `SELECT id, task_id FROM ${names.assignment} FORCE INDEX (idx_task_id) WHERE task_id IN (?) AND claim_token = ?`,
    values: [taskIds, claimToken],
  };
}
