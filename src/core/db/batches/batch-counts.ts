// How many tasks of a batch have each status: counts that stop, each of one range of afd_batch, without a lock. Zero: none has it.
import type { BatchCounts } from '../../domain/task/batch.ts';
import { BATCH_ORDER, batchStateIs } from '../batch-state.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Exact up to here. */
export const MOST_OF_BATCH = 10_000;

/** @throws DatabaseError */
export async function countBatch(session: Session, names: TableNames, id: number): Promise<BatchCounts> {
  const { sql, values } = countStatement(names, id);
  return countsOf(await session.rows(sql, values));
}

/** In the order of the ids, all in one round trip. @throws DatabaseError */
export async function countBatches(session: Session, names: TableNames, ids: number[]): Promise<BatchCounts[]> {
  if (ids.length === 0) return [];
  const results = await session.batch(ids.map((id) => countStatement(names, id)));
  return results.map((rows) => countsOf(rows as Row[]));
}

export function countStatement(names: TableNames, id: number): { sql: string; values: unknown[] } {
  const one = (n: number) =>
    `SELECT ${n} AS kind, COUNT(*) AS n FROM (SELECT 1 FROM ${names.task} FORCE INDEX (afd_batch)
       WHERE batch_id = ? AND ${batchStateIs(BATCH_ORDER[n]!)} LIMIT ${MOST_OF_BATCH + 1}) AS k${n}`;
  return { sql: BATCH_ORDER.map((_, n) => one(n)).join(' UNION ALL '), values: BATCH_ORDER.map(() => id) };
}

function countsOf(rows: Row[]): BatchCounts {
  const found = new Map(rows.map((row) => [Number(row.kind), Number(row.n)]));
  const entries = BATCH_ORDER.map((status, kind) => {
    const n = found.get(kind) ?? 0;
    return [status, { count: Math.min(n, MOST_OF_BATCH), exact: n <= MOST_OF_BATCH }];
  });
  return Object.fromEntries(entries) as BatchCounts;
}
