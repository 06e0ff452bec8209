// What a node sees of itself and of the work, once a second: one statement, a UNION ALL of one small branch per question,
// no lock. Literal values and LIMIT 1 for what is due (joins and GROUP BY read every pending row); the others by PRIMARY,
// idx_device_id, and af_lane, which is small. A branch without rows: nothing is due there, nothing is new, nothing is open.

import type { LaneRank } from '../../domain/lane.ts';
import { openDocument } from '../attempts/open-assignments.ts';
import { leaseDocument } from '../leader/read-lease.ts';
import { limited } from '../server/statement-limit.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { directedBranch, dueBranch } from './due-work.ts';
import { publishedLanesDocument } from './published-lanes.ts';

/**
 * A poll for due tasks takes about a millisecond. One that reads over what others have not committed must not hold up
 * the rest.
 */
const POLL_LIMIT_MS = 300;

export interface TickAsk {
  device_id: string;
  /** Polled for due tasks; undefined = no poll this time, not even for directed ones. */
  ranks: LaneRank[] | undefined;
  /** The server breaks off a tick with a poll after this many milliseconds (default 300). */
  pollLimitMs?: number;
  /** Lanes of these types that were published and are not known as they are now. */
  lanes: { types: string[]; known: Array<LaneRank & { able: number | null }> };
  withOpen: boolean;
  /** Seconds that must have passed since a start of the server before its locks say anything. */
  trustAfterStartS: number;
  /** heartbeat_timeout in seconds: asks for the fleet's devices too, in a second statement. */
  devicesOf?: number | undefined;
}

export function tickStatement(session: Session, names: TableNames, ask: TickAsk): { sql: string; values: unknown[] } {
  const { device_id, ranks, lanes } = ask;
  const own = `SELECT 'device' AS kind, 0 AS n, JSON_OBJECT('operator_state', operator_state, 'status', status) AS doc
               FROM ${names.device} WHERE device_id = ?`;
  const due = (n: number, from: string) => `SELECT 'due', ${n}, NULL ${from}`;
  const branches = [
    { sql: own, values: [device_id] },
    leaseDocument(session, names, ask.trustAfterStartS),
    publishedLanesDocument(names, lanes),
    ...(ranks === undefined ? [] : [{ sql: due(-1, directedBranch(names)), values: [device_id] }]),
    ...(ranks ?? []).map((laneRank, n) => ({
      sql: due(n, dueBranch(names)),
      values: [laneRank.lane, laneRank.claim_rank],
    })),
    ...(ask.withOpen ? [openDocument(names, device_id)] : []),
  ];
  const sql = branches.map((one) => `(${one.sql})`).join(' UNION ALL ');
  return {
    sql: ranks === undefined ? sql : limited(sql, ask.pollLimitMs ?? POLL_LIMIT_MS),
    values: branches.flatMap((one) => one.values),
  };
}
