import type { PartitionPlan } from '../../domain/heartbeat-partitions.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Names of the heartbeat table's partitions in order, and the database's UTC date. Empty = the table is not partitioned. */
export async function heartbeatPartitions(
  session: Session,
  names: TableNames,
): Promise<{ partitions: string[]; today: string }> {
  const rows = await session.rows<{ name: string | null; today: string }>(
    `SELECT PARTITION_NAME AS name, UTC_DATE() AS today FROM information_schema.PARTITIONS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY PARTITION_ORDINAL_POSITION`,
    [names.plain.heartbeat],
  );
  return { partitions: rows.flatMap((row) => row.name ?? []), today: rows[0]?.today ?? '' };
}

/**
 * Splits the new days off p_future and drops the old ones. DDL: it commits by itself, so it cannot be fenced, and the
 * server refuses a repetition without harm. Waits at most one second for the table's metadata lock, because every later
 * statement on the table, heartbeats too, waits behind a waiting ALTER. `session` is used for nothing else.
 * @throws DatabaseError with `retry: 'transaction'` (1205) when the lock was not granted
 */
export async function repartitionHeartbeats(session: Session, names: TableNames, plan: PartitionPlan): Promise<void> {
  await session.write('SET SESSION lock_wait_timeout = 1');
  if (plan.add.length > 0) {
    const days = plan.add.map((one) => `PARTITION ${one.name} VALUES LESS THAN (?)`).join(', ');
    await session.write(
      `ALTER TABLE ${names.heartbeat} REORGANIZE PARTITION p_future
       INTO (${days}, PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
      plan.add.map((one) => one.before),
    );
  }
  if (plan.drop.length > 0) {
    await session.write(`ALTER TABLE ${names.heartbeat} DROP PARTITION ${plan.drop.join(', ')}`);
  }
}

/** Rows of one DELETE: a transaction of milliseconds, so that concurrent heartbeats hardly wait. */
export const PRUNE_ROWS = 1000;

/**
 * Deletes the oldest heartbeats that are older than the history, of a table without partitions: one that another program
 * has made. Reads idx_heartbeat_time in its order. Inside a fenced transaction. Returns how many; fewer than PRUNE_ROWS =
 * nothing is left to delete.
 */
export async function deleteOldHeartbeats(session: Session, names: TableNames, historyDays: number): Promise<number> {
  const { affectedRows } = await session.write(
    `DELETE FROM ${names.heartbeat} WHERE heartbeat_time < UTC_TIMESTAMP(3) - INTERVAL ? DAY
     ORDER BY heartbeat_time LIMIT ${PRUNE_ROWS}`,
    [historyDays],
  );
  return affectedRows;
}
