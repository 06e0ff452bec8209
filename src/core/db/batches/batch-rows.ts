// The batches, by PRIMARY, without a lock. Zero rows: there is no such batch.
import type { Batch } from '../../domain/task/batch.ts';
import { utcToIso } from '../rows.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

const COLUMNS = 'id, name, created_at, created_by, sealed_at, ended_at';

/** Newest first: ids below `before`. @throws DatabaseError */
export async function listBatches(
  session: Session,
  names: TableNames,
  { before, limit }: { before: number; limit: number },
): Promise<Batch[]> {
  const rows = await session.rows(`SELECT ${COLUMNS} FROM ${names.batch} WHERE id < ? ORDER BY id DESC LIMIT ?`, [
    before,
    limit,
  ]);
  return rows.map(batch);
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
