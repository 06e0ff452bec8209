import type { Context } from '../context/context.ts';
import { momentOf, type When } from '../context/moment.ts';
import { auditEnds, auditRows } from '../db/audit/read-audit.ts';
import { firstSince, type ShownAudit, shownAudit } from './list-audit.ts';

export interface ExportedAudit {
  rows: number;
  first_id: number | null;
  last_id: number | null;
  /** False = it was stopped, or its reader has left. */
  complete: boolean;
}

const STRETCH = 1000;

/**
 * Oldest first, those that there were when it began. `write` false = its reader has left, or it was stopped, and the export ends.
 * @throws DatabaseError, what `write` throws
 */
export async function exportAudit(
  context: Context,
  since: When | undefined,
  write: (rows: ShownAudit[]) => Promise<boolean>,
): Promise<ExportedAudit> {
  const session = await context.session();
  const { names } = context;
  const { first, last } = await auditEnds(session, names);
  const done: ExportedAudit = { rows: 0, first_id: null, last_id: null, complete: false };
  let from = since === undefined ? (first ?? 1) : await firstSince(session, names, await momentOf(session, since));
  while (last !== null && from <= last) {
    await session.ready();
    const rows = (await auditRows(session, names, from, STRETCH)).filter((row) => row.id <= last);
    if (rows.length === 0) break;
    if (!(await write(rows.map(shownAudit)))) return done;
    done.first_id ??= rows[0]!.id;
    done.last_id = rows.at(-1)!.id;
    done.rows += rows.length;
    from = done.last_id + 1;
  }
  return { ...done, complete: true };
}
