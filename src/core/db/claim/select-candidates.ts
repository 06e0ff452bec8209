import { stateIs } from '../claim-state.ts';
import type { TableNames } from '../table-names.ts';
import { candidateColumns } from './candidate.ts';
import { DUE_SINCE_FRONTIER } from './claim-frontier.ts';
import type { ClaimSource, Cursor } from './claim-source.ts';

const COLUMNS = candidateColumns('t', 't.attempt');

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
      sql: `SELECT ${COLUMNS} FROM ${names.task} t FORCE INDEX (afd_target)
            WHERE target_device_id = ? AND status = 'assigned' AND due_at <= NOW(3)
            ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
      values: [source.device_id],
    };
  }
  if (source.kind === 'tasks') {
    return {
      sql: `SELECT ${COLUMNS} FROM ${names.task} t FORCE INDEX (PRIMARY)
            WHERE id IN (?) AND ${stateIs('pending')} AND due_at <= NOW(3) ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
      values: [source.ids],
    };
  }
  const due = source.frontier === true ? DUE_SINCE_FRONTIER : dueSince(source.cursor);
  return {
    sql: `SELECT ${COLUMNS} FROM ${names.task} t FORCE INDEX (afd_claim)
          WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ? AND ${due.sql}
          ORDER BY claim_rank, due_at, id LIMIT ${limit} FOR UPDATE SKIP LOCKED`,
    values: [source.lane, source.claim_rank, ...due.values],
  };
}

/** What is due, from the mark on. */
export function dueSince(cursor: Cursor | undefined): { sql: string; values: unknown[] } {
  return cursor === undefined
    ? { sql: 'due_at <= NOW(3)', values: [] }
    : {
        sql: '((due_at = ? AND id >= ?) OR (due_at > ? AND due_at <= NOW(3)))',
        values: [cursor.due_at, cursor.id, cursor.due_at],
      };
}
