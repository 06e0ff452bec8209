import { stateIs } from '../claim-state.ts';
import type { TableNames } from '../table-names.ts';

/** Where a claim starts reading a (lane, rank): the last row this process took there. */
export interface Mark {
  /** As the server spelled it: `YYYY-MM-DD HH:MM:SS.mmm`, in the task table's zone. */
  due_at: string;
  id: number;
}

/** What to claim from: one (lane, rank), or the tasks directed at this device. */
export type ClaimSource =
  | { kind: 'lane'; lane: Buffer; claim_rank: number; mark: Mark | undefined }
  | { kind: 'directed'; device_id: string };

/** A row that the claim locked. JSON columns are text. */
export interface Candidate {
  id: number;
  attempt: number;
  task_type: string;
  username: string | null;
  app_id: string | null;
  start_date: string | null;
  end_date: string | null;
  task_data: string | null;
  priority: number | null;
  retry: number | null;
  execution_timeout: number | null;
  required_capabilities: string | null;
  claim_rank: number;
  due_at: string;
  /** Left by a light claim of a task that another program has set back; null otherwise. */
  claimed_by: string | null;
}

export const CANDIDATE_COLUMNS = `id, attempt, task_type, username, app_id, start_date, end_date, task_data, priority,
  retry, execution_timeout, required_capabilities, claim_rank, due_at, claimed_by`;

/**
 * The locking read of a claim. Reads afd_claim (or afd_target) in its own order, so it never sorts: a sort would lock
 * every pending row. With a mark it starts behind the rows taken before, whose dead index entries cost a walk otherwise;
 * the two branches keep that a range ((due_at, id) >= (?, ?) does not). No rows = nothing due that nobody else holds.
 */
export function candidateStatement(
  names: TableNames,
  source: ClaimSource,
  limit: number,
): { sql: string; values: unknown[] } {
  if (source.kind === 'directed') {
    return {
      sql: `SELECT ${CANDIDATE_COLUMNS} FROM ${names.task} FORCE INDEX (afd_target)
            WHERE target_device_id = ? AND status = 'assigned' AND due_at <= NOW(3)
            ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
      values: [source.device_id],
    };
  }
  const due = dueSince(source.mark);
  return {
    sql: `SELECT ${CANDIDATE_COLUMNS} FROM ${names.task} FORCE INDEX (afd_claim)
          WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? AND ${due.sql}
          ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
    values: [source.lane, source.claim_rank, ...due.values],
  };
}

/** What is due, from the mark on. */
export function dueSince(mark: Mark | undefined): { sql: string; values: unknown[] } {
  return mark === undefined
    ? { sql: 'due_at <= NOW(3)', values: [] }
    : {
        sql: '((due_at = ? AND id >= ?) OR (due_at > ? AND due_at <= NOW(3)))',
        values: [mark.due_at, mark.id, mark.due_at],
      };
}
