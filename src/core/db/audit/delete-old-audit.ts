// Invariant: only the beginning of the log is deleted, whole days after its last row was written, and the row that says so is added in the
// same transaction. The newest row always stays. Index: PRIMARY, read in its order. Zero rows (undefined): nothing is old enough.
import type { AuditRow } from '../../domain/audit/audit-row.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** Rows of one transaction. */
export const AUDIT_PRUNE_ROWS = 1000;

/** The last row that was deleted, and how many were. Inside a transaction. @throws DatabaseError */
export async function deleteOldAudit(
  session: Session,
  names: TableNames,
  days: number,
): Promise<(Pick<AuditRow, 'id' | 'hash'> & { deleted: number }) | undefined> {
  const rows = await session.rows<Pick<AuditRow, 'id' | 'hash'> & { old: 0 | 1 }>(
    `SELECT id, hash, at < UTC_TIMESTAMP(3) - INTERVAL ? DAY AS old FROM ${names.auditLog} FORCE INDEX (PRIMARY)
     ORDER BY id LIMIT ?`,
    [days, AUDIT_PRUNE_ROWS + 1],
  );
  const young = rows.findIndex(({ old }) => old === 0);
  const last = rows[(young === -1 ? rows.length - 1 : young) - 1];
  if (last === undefined) return undefined;
  const { affectedRows } = await session.write(`DELETE FROM ${names.auditLog} WHERE id <= ?`, [last.id]);
  return { id: last.id, hash: last.hash, deleted: affectedRows };
}
