// Keeps the audit log at its number of days. What is deleted is its beginning, and a row of the log itself says up to where, with the
// hash of the last row that went: the log begins there, and a beginning that is missing without such a row is found.
import { audited } from '../audit/audited.ts';
import { AUDIT_PRUNE_ROWS, deleteOldAudit } from '../db/audit/delete-old-audit.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { prunedEntry } from '../domain/audit/pruned.ts';
import type { DutySession } from './duty/duty-session.ts';

/** Transactions of one round. */
const MOST_DELETES = 100;

/** @throws NotLeader, DatabaseError */
export async function pruneAudit(duty: DutySession, days: number): Promise<{ deleted: number }> {
  const { holder, term } = duty.lease;
  const who = `leader:${holder}`;
  const by: Actor = { who, label: who, source: null, request_id: `term ${term}`, reason: `older than ${days} days` };
  let deleted = 0;
  for (let n = 0; n < MOST_DELETES; n += 1) {
    const rows = await duty.fenced(async (session) => {
      const at = { session, names: duty.names };
      const gone = await audited(
        at,
        by,
        () => deleteOldAudit(session, duty.names, days),
        (last) => last && prunedEntry(last),
      );
      return gone?.deleted ?? 0;
    });
    deleted += rows;
    if (rows < AUDIT_PRUNE_ROWS) break;
  }
  return { deleted };
}
