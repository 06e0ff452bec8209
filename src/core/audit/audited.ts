// An act and its rows in the audit log, in one transaction: there is never one without the other.
import { appendAudit } from '../db/audit/append-audit.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { wholeTransaction } from '../db/transaction.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { redactText } from '../log/redact.ts';

/**
 * `work` may be repeated, as that of a transaction. `entries`: what it changed; without any, nothing is recorded.
 * @throws what `work` throws; AfdError E_SCHEMA without a head; DatabaseError
 */
export function audited<T>(
  { session, names }: { session: Session; names: TableNames },
  by: Actor,
  work: () => Promise<T>,
  entries: (result: T) => AuditEntry | AuditEntry[] | undefined,
): Promise<T> {
  return wholeTransaction(session, async () => {
    const result = await work();
    const all = [entries(result) ?? []].flat();
    const actor = by.reason === undefined ? by : { ...by, reason: redactText(by.reason) };
    if (all.length > 0) await appendAudit(session, names, actor, all);
    return result;
  });
}
