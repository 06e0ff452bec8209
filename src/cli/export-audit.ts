// Where `afd audit export` writes.
import { type ExportedAudit, exportAudit } from '../core/audit/export-audit.ts';
import type { Context } from '../core/context/context.ts';
import type { When } from '../core/context/moment.ts';
import { lostOutput, openExportFile } from '../core/export/export-file.ts';
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
  let written = 0;
  const lost = (error: unknown): never => {
    throw lostOutput('afd audit export', `${written} rows`, { rows: written }, error);
  };
  const by = (put: (text: string) => Promise<boolean>) => async (rows: object[]) => {
    if (stop.aborted) return false;
    const text = rows.map((row) => `${escapeInJson(JSON.stringify(row))}\n`).join('');
    const taken = await put(text).catch(lost);
    written += rows.length;
    return taken;
  };
  if (name === undefined) return exportAudit(context, since, by(toStdout(stop)));
  const file = await openExportFile(name, 'afd audit export');
  try {
    const end = await exportAudit(
      context,
      since,
      by((text) => file.write(text).then(() => true)),
    );
    if (!end.complete) {
      await file.discard();
      return end;
    }
    await file.finish().catch(lost);
    return end;
  } catch (error) {
    await file.discard();
    throw error;
  }
}
