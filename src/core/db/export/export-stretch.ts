// Cuts the task table into stretches of ids, without a lock. Index: PRIMARY. Zero rows: the table is empty, or ends here.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface Stretch {
  /** Ids above this, up to `to`. */
  from: number;
  to: number;
}

/** All ids that there are now; undefined = there is no task. @throws DatabaseError */
export async function wholeStretch(session: Session, names: TableNames): Promise<Stretch | undefined> {
  const [row] = await session.rows<{ first: number | null; last: number | null }>(
    `SELECT MIN(id) AS first, MAX(id) AS last FROM ${names.task}`,
  );
  return row === undefined || row.first === null || row.last === null
    ? undefined
    : { from: row.first - 1, to: row.last };
}

/** The part of a stretch that has its first `n` tasks; undefined = it has none. @throws DatabaseError */
export async function firstOfStretch(
  session: Session,
  names: TableNames,
  { from, to }: Stretch,
  n: number,
): Promise<Stretch | undefined> {
  const [row] = await session.rows<{ last: number | null }>(
    `SELECT MAX(id) AS last FROM (
       SELECT id FROM ${names.task} FORCE INDEX (PRIMARY) WHERE id > ? AND id <= ? ORDER BY id LIMIT ?) AS part`,
    [from, to, n],
  );
  return row === undefined || row.last === null ? undefined : { from, to: row.last };
}
