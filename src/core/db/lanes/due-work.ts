import type { LaneRank } from '../../domain/lane.ts';
import { stateIs } from '../claim-state.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/**
 * What is due, without a lock: one LIMIT 1 branch per lane and rank with literal values on afd_claim, and one on
 * afd_target (joins and GROUP BY would read every pending row). Returns indexes into `ranks`, and whether tasks
 * directed at the device are due; nothing = nothing is due there now. @throws DatabaseError
 */
export async function pollDue(
  session: Session,
  names: TableNames,
  deviceId: string,
  ranks: LaneRank[],
): Promise<{ due: number[]; directed: boolean }> {
  const { sql, values } = dueStatement(names, deviceId, ranks);
  return dueWork(await session.rows(sql, values));
}

/** Branch for tasks directed at the device. */
export const directedBranch = (names: TableNames) =>
  `FROM ${names.task} FORCE INDEX (afd_target) WHERE target_device_id = ? AND status = 'assigned' AND due_at <= NOW(3) LIMIT 1`;

/**
 * The first row of one lane and rank, compared outside. So the read has only equality conditions, and the engine ends
 * it where they end; a range condition would read on over the dead entries of the lanes behind an empty one.
 */
export const dueBranch = (names: TableNames) =>
  `FROM (SELECT due_at FROM ${names.task} FORCE INDEX (afd_claim) WHERE ${stateIs('pending')} AND lane = ? AND claim_rank = ?
    ORDER BY due_at, id LIMIT 1) head WHERE due_at <= NOW(3)`;

/** `deviceId` undefined: nothing is asked about directed tasks. Needs one branch at least. */
export function dueStatement(names: TableNames, deviceId: string | undefined, ranks: LaneRank[]) {
  const directed = deviceId === undefined ? [] : [`(SELECT -1 AS n ${directedBranch(names)})`];
  const branches = [...directed, ...ranks.map((_, n) => `(SELECT ${n} AS n ${dueBranch(names)})`)];
  return {
    sql: branches.join(' UNION ALL '),
    values: [...(deviceId === undefined ? [] : [deviceId]), ...ranks.flatMap((one) => [one.lane, one.claim_rank])],
  };
}

export function dueWork(rows: Row[]): { due: number[]; directed: boolean } {
  const found = rows.map((row) => Number(row.n));
  return { due: found.filter((n) => n >= 0), directed: found.includes(-1) };
}
