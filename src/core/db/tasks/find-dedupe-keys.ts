// Invariant: reads only what is committed (READ COMMITTED) or written by this transaction, and locks nothing.
// Index: afd_dedupe; byte by byte, since the column is utf8mb4_bin. Zero rows: none of the keys is taken.
import type { Piggybacked } from '../piggyback.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Ids of the tasks that hold these keys. */
export async function findDedupeKeys(
  session: Session,
  names: TableNames,
  keys: string[],
  carried?: Piggybacked | undefined,
): Promise<Map<string, number>> {
  if (keys.length === 0) return new Map();
  const sql = `SELECT id, dedupe_key FROM ${names.task} FORCE INDEX (afd_dedupe) WHERE dedupe_key IN (?)`;
  const rows = await (carried === undefined ? session.rows(sql, [keys]) : carried.send(session, sql, [keys]));
  return new Map(rows.map((row) => [row.dedupe_key, row.id]));
}
