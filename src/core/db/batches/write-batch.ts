// Invariant: once a batch is sealed, no transaction adds a task to it. Who adds holds its row in share mode until COMMIT, so that many add
// at the same time; who seals waits for them, and those who come later see that it is sealed. It ends once: `ended_at` is written only
// while it is NULL. Index: PRIMARY. Zero rows: there is no such batch, or it was sealed, or had ended, before.
import { AfdError } from '../../domain/errors.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Inside the transaction that adds its tasks. @throws DatabaseError */
export async function insertBatch(
  session: Session,
  names: TableNames,
  { name, open, by, owner }: { name: string; open: boolean; by: string; owner?: string | undefined },
): Promise<number> {
  const { insertId } = await session.write(
    `INSERT INTO ${names.batch} (name, created_at, created_by, sealed_at, owner)
     VALUES (?, UTC_TIMESTAMP(3), ?, ${open ? 'NULL' : 'UTC_TIMESTAMP(3)'}, ?)`,
    [name, by.slice(0, 128), owner ?? null],
  );
  return insertId;
}

/** Before the tasks are added, inside their transaction. `owner`: it must be that submitter's. @throws AfdError E_NOT_FOUND; E_CONFLICT when it is sealed; DatabaseError */
export async function lockOpenBatch(session: Session, names: TableNames, id: number, owner?: string): Promise<void> {
  const [row] = await session.rows(`SELECT sealed_at, owner FROM ${names.batch} WHERE id = ? LOCK IN SHARE MODE`, [id]);
  if (row === undefined || (owner !== undefined && row.owner !== owner)) throw noBatch(id);
  if (row.sealed_at === null) return;
  throw new AfdError('E_CONFLICT', `Batch ${id} is sealed, so no task can be added to it.`, {
    suggestions: [`afd batches show ${id}`],
    data: { batch_id: id },
  });
}

/** False: it was sealed before, or there is none. @throws DatabaseError */
export async function sealBatch(session: Session, names: TableNames, id: number): Promise<boolean> {
  const { affectedRows } = await session.write(
    `UPDATE ${names.batch} SET sealed_at = UTC_TIMESTAMP(3) WHERE id = ? AND sealed_at IS NULL`,
    [id],
  );
  return affectedRows === 1;
}

/** Those of them that end with this. Inside a fenced transaction, after their tasks were counted. @throws DatabaseError */
export async function endBatches(session: Session, names: TableNames, ids: number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const results = await session.batch(
    ids.map((id) => ({
      sql: `UPDATE ${names.batch} SET ended_at = UTC_TIMESTAMP(3)
            WHERE id = ? AND sealed_at IS NOT NULL AND ended_at IS NULL`,
      values: [id],
    })),
  );
  return ids.filter((_, n) => (results[n] as { affectedRows?: number }).affectedRows === 1);
}

export function noBatch(id: number): AfdError {
  return new AfdError('E_NOT_FOUND', `There is no batch ${id}.`, {
    suggestions: ['afd batches ls'],
    data: { batch_id: id },
  });
}
