// The row that stands for the beginning of the log that was deleted.
import { type AuditEntry, type AuditRow, valueHash } from './audit-row.ts';

/** `last`: the last row that was deleted. */
export function prunedEntry(last: Pick<AuditRow, 'id' | 'hash'>): AuditEntry {
  return { action: 'audit.prune', object_type: 'audit', object_id: String(last.id), before: said(last) };
}

/** Whether this row says that the log was deleted up to that one. */
export function saysPruned(row: AuditRow, last: Pick<AuditRow, 'id' | 'hash'>): boolean {
  if (row.action !== 'audit.prune' || row.object_id !== String(last.id)) return false;
  return row.before_hash?.equals(valueHash(said(last))!) === true;
}

function said({ id, hash }: Pick<AuditRow, 'id' | 'hash'>): object {
  return { id, hash: hash.toString('hex') };
}
