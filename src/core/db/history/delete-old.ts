import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { History } from './day-partitions.ts';

/** Rows of one DELETE: a transaction of milliseconds, so that concurrent writes hardly wait. */
export const PRUNE_ROWS = 1000;

/**
 * Deletes the oldest rows that are older than the history, where its days cannot be dropped: a table that another program has
 * made, or an account without the right. Reads the index of `oldest` in its order. Inside a fenced transaction. Returns how
 * many; fewer than PRUNE_ROWS = nothing is left to delete.
 */
export async function deleteOld(
  session: Session,
  names: TableNames,
  { table, time, oldest }: History,
  historyDays: number,
): Promise<number> {
  const { affectedRows } = await session.write(
    `DELETE FROM ${names[table]} WHERE ${time} < UTC_TIMESTAMP(3) - INTERVAL ? DAY
     ORDER BY ${oldest} LIMIT ${PRUNE_ROWS}`,
    [historyDays],
  );
  return affectedRows;
}
