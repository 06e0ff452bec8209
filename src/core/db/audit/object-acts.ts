// Index: afd_object, from its end; at most `limit` rows are read, however long the log is. Non-locking. Zero rows: nobody did anything to
// it, or the beginning of the log that said so is deleted.
import type { AuditRow } from '../../domain/audit/audit-row.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export type ObjectAct = Pick<
  AuditRow,
  'id' | 'at' | 'actor' | 'source' | 'action' | 'reason' | 'outcome' | 'request_id'
>;

/** What was done to one thing, newest first. @throws DatabaseError E_FORBIDDEN: this account may not read the log */
export async function objectActs(
  session: Session,
  names: TableNames,
  { object_type, object_id }: Pick<AuditRow, 'object_type' | 'object_id'>,
  limit: number,
): Promise<ObjectAct[]> {
  return session.rows<ObjectAct>(
    `SELECT id, at, actor, source, action, reason, outcome, request_id FROM ${names.auditLog} FORCE INDEX (afd_object)
     WHERE object_type = ? AND object_id = ? ORDER BY id DESC LIMIT ?`,
    [object_type, object_id, limit],
  );
}
