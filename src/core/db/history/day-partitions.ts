import type { PartitionPlan } from '../../domain/day-partitions.ts';
import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A table whose rows are kept for a number of days. */
export interface History {
  /** What its rows are, for messages. */
  rows: string;
  table: 'heartbeat' | 'log' | 'taskEnd' | 'webhookDelivery';
  /** When a row was written, UTC. */
  time: string;
  /** The column by whose index the oldest rows are read first. */
  oldest: string;
}

export const HEARTBEATS: History = {
  rows: 'heartbeats',
  table: 'heartbeat',
  time: 'heartbeat_time',
  oldest: 'heartbeat_time',
};
export const RUN_LOGS: History = { rows: 'run logs', table: 'log', time: 'written_at', oldest: 'id' };

export const TASK_ENDS: History = {
  rows: 'ends of tasks without an attempt',
  table: 'taskEnd',
  time: 'ended_at',
  oldest: 'id',
};

export const WEBHOOK_DELIVERIES: History = {
  rows: 'deliveries of webhooks',
  table: 'webhookDelivery',
  time: 'created_at',
  oldest: 'id',
};

/** Names of the table's partitions in order, and the database's UTC date. Empty = the table is not partitioned. */
export async function dayPartitions(
  session: Session,
  names: TableNames,
  { table }: History,
): Promise<{ partitions: string[]; today: string }> {
  const rows = await session.rows<{ name: string | null; today: string }>(
    `SELECT PARTITION_NAME AS name, UTC_DATE() AS today FROM information_schema.PARTITIONS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY PARTITION_ORDINAL_POSITION`,
    [names.plain[table]],
  );
  return { partitions: rows.flatMap((row) => row.name ?? []), today: rows[0]?.today ?? '' };
}

/**
 * Splits the new days off p_future and drops the old ones. DDL: it commits by itself, so it cannot be fenced, and the
 * server refuses a repetition without harm. Waits at most one second for the table's metadata lock, because every later
 * statement on the table, heartbeats too, waits behind a waiting ALTER. `session` is used for nothing else.
 * @throws DatabaseError with `retry: 'transaction'` (1205) when the lock was not granted
 */
export async function repartition(
  session: Session,
  names: TableNames,
  { table }: History,
  plan: PartitionPlan,
): Promise<void> {
  await session.write('SET SESSION lock_wait_timeout = 1');
  if (plan.add.length > 0) {
    const days = plan.add.map((one) => `PARTITION ${one.name} VALUES LESS THAN (?)`).join(', ');
    await session.write(
      `ALTER TABLE ${names[table]} REORGANIZE PARTITION p_future
       INTO (${days}, PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
      plan.add.map((one) => one.before),
    );
  }
  if (plan.drop.length > 0) {
    await session.write(`ALTER TABLE ${names[table]} DROP PARTITION ${plan.drop.join(', ')}`);
  }
}

/** ER_DROP_PARTITION_NON_EXISTENT, ER_SAME_NAME_PARTITION. */
const CHANGED = [1507, 1517];

/** Whether `repartition` was refused because the table has no longer the days for which it was planned. */
export function isChangedMeanwhile(error: unknown): boolean {
  return error instanceof DatabaseError && error.errno !== undefined && CHANGED.includes(error.errno);
}
