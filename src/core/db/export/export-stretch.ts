// Cuts the task table, or what one submitter has added, into stretches of ids, without a lock. Index: PRIMARY of the tasks or of their
// owners. Zero rows: there is none, or it ends here.
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export interface Stretch {
  /** Ids above this, up to `to`. */
  from: number;
  to: number;
}

/** All ids that there are now; undefined = there is no task. `owner`: a submitter. @throws DatabaseError */
export async function wholeStretch(session: Session, names: TableNames, owner?: string): Promise<Stretch | undefined> {
  const sql =
    owner === undefined
      ? `SELECT MIN(id) AS first, MAX(id) AS last FROM ${names.task}`
      : `SELECT MIN(task_id) AS first, MAX(task_id) AS last FROM ${names.taskOwner} WHERE owner = ?`;
  const [row] = await session.rows<{ first: number | null; last: number | null }>(sql, some(owner));
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
  owner?: string,
): Promise<Stretch | undefined> {
  const [table, key, of] =
    owner === undefined ? [names.task, 'id', ''] : [names.taskOwner, 'task_id', 'owner = ? AND '];
  const [row] = await session.rows<{ last: number | null }>(
    `SELECT MAX(id) AS last FROM (
       SELECT ${key} AS id FROM ${table} FORCE INDEX (PRIMARY)
       WHERE ${of}${key} > ? AND ${key} <= ? ORDER BY ${key} LIMIT ?) AS part`,
    [...some(owner), from, to, n],
  );
  return row === undefined || row.last === null ? undefined : { from, to: row.last };
}

function some(owner: string | undefined): string[] {
  return owner === undefined ? [] : [owner];
}
