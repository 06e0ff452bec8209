// A claim reads over the rows that others have locked or changed and not committed yet, and each of them costs the server
// more than a row that it takes: with n claims at one time in a lane every task is paid for n times. So a large claim takes one
// of a few tickets first. They are only a courtesy: a claim that gets none in time goes on without.
import { laneRankKey } from '../../domain/pair-key.ts';
import type { LaneRank } from '../lanes/due-work.ts';
import { schemaLocks } from '../server/schema-lock.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Large claims at one time in one (lane, rank). */
export const TICKETS = 4;
/** MySQL knows whole seconds alone. */
const WAIT_S = 1;

/**
 * Takes a free ticket of this pair, or waits for one that `random` in [0, 1) draws. In front of START TRANSACTION: what waits
 * holds no row. The first statement gives back what a claim that failed may have kept.
 */
export function takeTicket(
  names: TableNames,
  laneRank: LaneRank,
  random: number,
): Array<{ sql: string; values: unknown[] }> {
  const ticket = schemaLocks(names, laneRankKey(laneRank));
  const all = Array.from({ length: TICKETS }, (_, n) => ticket(`:${n}`));
  const waited = all[Math.floor(random * TICKETS)];
  const free = all.map((one) => `WHEN GET_LOCK(${one}, 0) = 1 THEN ${one}`).join(' ');
  return [
    RETURN_TICKET,
    {
      sql: `SELECT CASE ${free} WHEN GET_LOCK(${waited}, ${WAIT_S}) = 1 THEN ${waited} END INTO @afd_ticket`,
      values: [],
    },
  ];
}

/** Behind the end of the transaction; nothing when no ticket is held. */
export const RETURN_TICKET = { sql: "DO RELEASE_LOCK(COALESCE(@afd_ticket, '-'))", values: [] };

/** After a claim that failed and was rolled back: the connection is destroyed where that fails too, and the ticket goes with it. */
export async function returnTicket(session: Session): Promise<void> {
  if (!session.alive) return;
  try {
    await session.batch([RETURN_TICKET]);
  } catch {
    session.destroy();
  }
}
