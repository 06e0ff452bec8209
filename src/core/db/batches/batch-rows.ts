// The batches, by PRIMARY, without a lock. Zero rows: there is no such batch.
import type { Batch } from '../../domain/task/batch.ts';
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

interface BatchPage {
  before: number;
  limit: number;
  /** The submitter who made them; absent = everybody. */
  owner?: string | undefined;
}

const COLUMNS = 'id, name, created_at, created_by, sealed_at, ended_at';

/** Newest first: ids below `before`; of one submitter by afd_owner. @throws DatabaseError */
export async function listBatches(session: Session, names: TableNames, page: BatchPage): Promise<Batch[]> {
  const { sql, values } = listStatement(names, page);
  return (await session.rows(sql, values)).map(batch);
}

export function listStatement(names: TableNames, { before, limit, owner }: BatchPage) {
  const [index, own] = owner === undefined ? ['PRIMARY', ''] : ['afd_owner', 'owner = ? AND '];
  return {
    sql: `SELECT ${COLUMNS} FROM ${names.batch} FORCE INDEX (${index}) WHERE ${own}id < ? ORDER BY id DESC LIMIT ?`,
    values: [...(owner === undefined ? [] : [owner]), before, limit],
  };
}

/** In no order. @throws DatabaseError */
export async function readBatches(session: Session, names: TableNames, ids: number[]): Promise<Batch[]> {
  if (ids.length === 0) return [];
  const places = ids.map(() => '?').join(', ');
  return (await session.rows(`SELECT ${COLUMNS} FROM ${names.batch} WHERE id IN (${places})`, ids)).map(batch);
}

function batch({ id, name, created_at, created_by, sealed_at, ended_at }: Row): Batch {
  return {
    batch_id: Number(id),
    name,
    state: ended_at !== null ? 'ended' : sealed_at !== null ? 'sealed' : 'open',
    created_at: utcToIso(created_at)!,
    created_by,
    sealed_at: utcToIso(sealed_at),
    ended_at: utcToIso(ended_at),
  };
}
