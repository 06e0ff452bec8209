// Where `afd audit export` writes.
import { type ExportedAudit, exportAudit, lostRows } from '../core/audit/export-audit.ts';
import type { Context } from '../core/context/context.ts';
import type { When } from '../core/context/moment.ts';
import { openExportFile } from '../core/export/export-file.ts';
import { escapeInJson } from '../core/log/terminal-text.ts';
import { toStdout } from './export-run.ts';

export interface AuditExportRequest {
  since: When | undefined;
  /** Undefined = stdout. */
  file: string | undefined;
  stop: AbortSignal;
}

/** @throws those of exportAudit and openExportFile */
export async function exportAuditTo(context: Context, request: AuditExportRequest): Promise<ExportedAudit> {
  const { since, file: name, stop } = request;
  const lines = (rows: object[]) => rows.map((row) => `${escapeInJson(JSON.stringify(row))}\n`).join('');
  if (name === undefined) {
    const write = toStdout(stop);
    return exportAudit(context, since, async (rows) => !stop.aborted && write(lines(rows)));
  }
  const file = await openExportFile(name, 'afd audit export');
  try {
    const end = await exportAudit(context, since, async (rows) => {
      if (stop.aborted) return false;
      await file.write(lines(rows));
      return true;
    });
    if (!end.complete) {
      await file.discard();
      return end;
    }
    await file.finish().catch((error: unknown) => {
      throw lostRows(end.rows, error);
    });
    return end;
  } catch (error) {
    await file.discard();
    throw error;
  }
}
