// Invariant: that of insert-task-rows, for an account that may write the columns of a task and not `id`: MariaDB wants
// the right to INSERT a column that is to be RETURNED. One statement for each row, many in a batch, each with its own
// id. No index is read.
import { DatabaseError } from '../database-error.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** ER_COLUMNACCESS_DENIED_ERROR */
const COLUMN_DENIED = 1143;
/** Room of a packet that is left alone. */
const OVERHEAD = 4096;

/** Sessions whose account it is. */
const refused = new WeakSet<Session>();

export function mayReturnIds(session: Session): boolean {
  return session.facts.isMariaDb && !refused.has(session);
}

/** True when it was for want of that right that nothing was inserted: from now on this session does without. */
export function isReturnRefused(session: Session, error: unknown): boolean {
  if (!(error instanceof DatabaseError) || error.errno !== COLUMN_DENIED || !mayReturnIds(session)) return false;
  refused.add(session);
  return true;
}

/** Part of what was refused stays in the transaction: as rows that only other nodes see, or that had statements of their own. */
export function refusedRowsStay(session: Session): boolean {
  return session.facts.sendsFailedRows || (session.facts.isMariaDb && !mayReturnIds(session));
}

/** Ids of the rows, in order. Within the caller's transaction. @throws DatabaseError */
export async function insertSingly(
  session: Session,
  names: TableNames,
  columns: string,
  rows: string[],
): Promise<number[]> {
  const statements = rows.map((row) => ({ sql: `INSERT INTO ${names.task} (${columns}) VALUES ${row}` }));
  const ids: number[] = [];
  for (let from = 0; from < statements.length; ) {
    let to = from;
    let bytes = OVERHEAD;
    do bytes += Buffer.byteLength(statements[to]!.sql) + 2;
    while (++to < statements.length && bytes + Buffer.byteLength(statements[to]!.sql) < session.facts.maxAllowedPacket);
    const answers = await session.batch(statements.slice(from, to));
    for (const { insertId } of answers) ids.push(insertId);
    from = to;
  }
  return ids;
}
