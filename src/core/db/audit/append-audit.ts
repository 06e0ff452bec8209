// Invariant: rows are numbered without a gap, and each has the hash of the one before. The row of the head orders their writers. It is
// the last lock of a transaction, before that of the leader's row alone, so that nobody waits in a circle; claims and ends of tasks never
// take it. Index: PRIMARY of both. Zero rows: the head is gone, and nothing that must be audited is done.
import type { Actor } from '../../domain/audit/actor.ts';
import { type AuditEntry, type AuditRow, rowHash, valueHash } from '../../domain/audit/audit-row.ts';
import { AfdError } from '../../domain/errors.ts';
import { fitText } from '../../domain/text/fit-text.ts';
import { isoToUtc, utcToIso } from '../rows.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

export const AUDIT_COLUMNS = [
  ...(['id', 'at', 'actor', 'source', 'action', 'object_type', 'object_id', 'before_hash', 'after_hash'] as const),
  ...(['reason', 'request_id', 'outcome', 'prev_hash', 'hash'] as const),
];

/** The last statements of a transaction. @throws AfdError E_SCHEMA without a head; DatabaseError */
export async function appendAudit(
  session: Session,
  names: TableNames,
  by: Actor,
  entries: AuditEntry[],
): Promise<void> {
  const head = await lockAuditHead(session, names);
  // One spelling, whatever the type of GREATEST.
  const at = isoToUtc(utcToIso(head.at)!);
  const rows: AuditRow[] = [];
  for (const entry of entries) {
    const { id, hash } = rows.at(-1) ?? head;
    rows.push(rowOf(entry, by, { id: id + 1, at, prev_hash: hash }));
  }
  const { id, hash } = rows.at(-1)!;
  const writes = [
    {
      sql: `INSERT INTO ${names.auditLog} (${AUDIT_COLUMNS.join(', ')}) VALUES ?`,
      values: [rows.map((row) => AUDIT_COLUMNS.map((name) => row[name]))],
    },
    { sql: `UPDATE ${names.auditHead} SET id = ?, hash = ?, at = ? WHERE name = 'head'`, values: [id, hash, at] },
  ];
  // One round trip where it can be: other writers wait for this one.
  if (session.options.multiStatements) await session.batch(writes);
  else for (const { sql, values } of writes) await session.write(sql, values);
}

/** `at`: of a row that is added now. Inside a transaction. @throws AfdError E_SCHEMA without a head; DatabaseError */
export async function lockAuditHead(
  session: Session,
  names: TableNames,
): Promise<Pick<AuditRow, 'id' | 'hash' | 'at'>> {
  const [head] = await session.rows<Pick<AuditRow, 'id' | 'hash' | 'at'>>(
    `SELECT id, hash, GREATEST(at, UTC_TIMESTAMP(3)) AS at FROM ${names.auditHead} FORCE INDEX (PRIMARY)
     WHERE name = 'head' FOR UPDATE`,
  );
  if (head !== undefined) return head;
  const message = `The row "head" of ${names.plain.auditHead} is missing, so nothing can be added to the audit log; what must be audited was not done.`;
  throw new AfdError('E_SCHEMA', message, { suggestions: ['afd audit verify'] });
}

function rowOf(entry: AuditEntry, by: Actor, place: Pick<AuditRow, 'id' | 'at' | 'prev_hash'>): AuditRow {
  const { action, object_type, outcome = 'done' } = entry;
  const row = {
    ...place,
    actor: fitted(by.who, 255),
    source: by.source === null ? null : fitted(by.source, 64, 'ascii'),
    ...{ action, object_type, object_id: fitted(entry.object_id, 255) },
    before_hash: valueHash(entry.before),
    after_hash: valueHash(entry.after),
    reason: by.reason === undefined ? null : fitted(by.reason, 500),
    ...{ request_id: fitted(by.request_id, 64, 'ascii'), outcome },
  };
  return { ...row, hash: rowHash(row) };
}

/** As the column gives it back: what is hashed is what is read. */
function fitted(text: string, characters: number, holds: 'all' | 'ascii' = 'all'): string {
  return fitText(Buffer.from(text).toString(), { characters, bytes: 4 * characters, holds })!;
}
