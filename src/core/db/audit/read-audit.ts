// Index: PRIMARY, in its order; ids have no gaps, so a range of ids bounds what is read. Non-locking. Zero rows: the log is empty, or
// ends there.
import type { AuditRow } from '../../domain/audit/audit-row.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { AUDIT_COLUMNS } from './append-audit.ts';

/** Number, hash and time of the newest row, as its writer left them. */
export type AuditHead = Pick<AuditRow, 'id' | 'hash' | 'at'>;

export interface AuditEnds {
  /** Of the rows that are there; null = there is none. */
  first: number | null;
  last: number | null;
  /** Undefined = its row is gone. */
  head: AuditHead | undefined;
}

const COLUMNS = AUDIT_COLUMNS.join(', ');

/** One statement sees log and head as one transaction left them. @throws DatabaseError */
export async function auditEnds(session: Session, names: TableNames): Promise<AuditEnds> {
  const [row] = await session.rows(
    `SELECT ends.first, ends.last, head.id, head.hash, head.at
     FROM (SELECT MIN(id) AS first, MAX(id) AS last FROM ${names.auditLog}) AS ends
     LEFT JOIN ${names.auditHead} AS head ON head.name = 'head'`,
  );
  const { first, last, id, hash, at } = row!;
  return { first, last, head: id === null ? undefined : { id, hash, at } };
}

/** From this id on, in order. @throws DatabaseError */
export async function auditRows(session: Session, names: TableNames, from: number, limit: number): Promise<AuditRow[]> {
  return session.rows<AuditRow>(
    `SELECT ${COLUMNS} FROM ${names.auditLog} FORCE INDEX (PRIMARY) WHERE id >= ? ORDER BY id LIMIT ?`,
    [from, limit],
  );
}

/** Absent = any. */
export interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
  object_type?: string | undefined;
  object_id?: string | undefined;
}

/** Newest first, of the ids from `from` up to below `below`. @throws DatabaseError */
export async function searchAudit(
  session: Session,
  names: TableNames,
  filter: AuditFilter,
  { from, below, limit }: { from: number; below: number; limit: number },
): Promise<AuditRow[]> {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  const where = ['id >= ?', 'id < ?', ...given.map(([name]) => `${name} = ?`)].join(' AND ');
  return session.rows<AuditRow>(
    `SELECT ${COLUMNS} FROM ${names.auditLog} FORCE INDEX (PRIMARY) WHERE ${where} ORDER BY id DESC LIMIT ?`,
    [from, below, ...given.map(([, value]) => value), limit],
  );
}
