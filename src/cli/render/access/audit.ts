import type { ExportedAudit } from '../../../core/audit/export-audit.ts';
import type { AuditPage, ShownAudit } from '../../../core/audit/list-audit.ts';
import type { VerifiedAudit } from '../../../core/audit/verify-audit.ts';
import { renderTable } from '../table.ts';
import { printable } from '../text.ts';

export function renderAudit({ rows, cursor, searched_to }: AuditPage, width: number): string {
  if (rows.length === 0 && cursor === null) return 'No matching rows.';
  const table = renderTable(
    [
      { header: 'ID', id: true, value: (one: ShownAudit) => String(one.id) },
      { header: 'AT', value: (one) => one.at },
      { header: 'ACTOR', flexible: true, value: (one) => one.actor },
      { header: 'FROM', optional: true, value: (one) => one.source ?? '' },
      { header: 'ACTION', value: (one) => one.action },
      { header: 'OBJECT', flexible: true, value: (one) => `${one.object_type}:${one.object_id}` },
      { header: 'OUTCOME', optional: true, value: (one) => one.outcome },
      { header: 'REASON', flexible: true, value: (one) => one.reason ?? '' },
    ],
    rows,
    width,
  );
  if (cursor === null) return table;
  const why = searched_to === null ? 'More rows' : `Searched down to row ${searched_to}`;
  return `${table}\n${why}; go on with --cursor ${printable(cursor)}`;
}

export function renderVerified(verified: VerifiedAudit): string {
  const { intact, rows, pruned_to, last_id, last_hash, first_bad, checkpoints } = verified;
  if (!intact) return `The audit log is broken at row ${first_bad?.id}. ${first_bad?.message}`;
  if (last_id === null) return 'The audit log is empty.';
  const begin = pruned_to === null ? '' : ` Retention has deleted the rows up to ${pruned_to}.`;
  const all = checkpoints.agreed + checkpoints.pruned;
  const compared =
    all === 0
      ? ' Without a checkpoint, a log that was written anew as a whole, or cut off together with its head, is not found.'
      : ` It agrees with ${checkpoints.agreed} of ${all} checkpoints${checkpoints.pruned === 0 ? '.' : `; ${checkpoints.pruned} are of deleted rows.`}`;
  return `The audit log is intact: ${rows} row${rows === 1 ? '' : 's'}, the newest is ${last_id} (${last_hash}).${begin}${compared}`;
}

export function renderAuditExport({ rows, complete }: ExportedAudit, file: string | undefined): string {
  const all = `${rows} row${rows === 1 ? '' : 's'}`;
  const name = printable(file ?? 'standard output');
  if (complete) return `Wrote ${all} to ${name}.`;
  return `Stopped after ${all}; ${file === undefined ? 'the output is not complete' : `${name} was not written`}.`;
}
