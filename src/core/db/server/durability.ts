// Invariant: reads settings of the server and changes nothing. No table, no index; always one row.
import type { Session } from '../session.ts';

export interface Durability {
  /** 1 = each commit is on disk before it is acknowledged. */
  innodb_flush_log_at_trx_commit: number;
  /** 1 = so is the binary log, if there is one. */
  sync_binlog: number;
  log_bin: boolean;
}

/** @throws DatabaseError */
export async function readDurability(session: Session): Promise<Durability> {
  const [row] = await session.rows<{ flush: number; sync: number; binlog: number }>(
    'SELECT @@innodb_flush_log_at_trx_commit AS flush, @@sync_binlog AS sync, @@log_bin AS binlog',
  );
  return {
    innodb_flush_log_at_trx_commit: row?.flush ?? 0,
    sync_binlog: row?.sync ?? 0,
    log_bin: row?.binlog === 1,
  };
}
