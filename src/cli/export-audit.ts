// Where `afd audit export` writes.
import { type ExportedAudit, exportAudit } from '../core/audit/export-audit.ts';
import type { Context } from '../core/context/context.ts';
import type { When } from '../core/context/moment.ts';
import { openExportFile } from '../core/export/export-file.ts';
import { escapeInJson } from '../core/log/terminal-text.ts';
import { reportsItself } from './output.ts';

/** `file`: undefined = stdout. @throws those of exportAudit and openExportFile */
export async function exportAuditTo(
  context: Context,
  since: When | undefined,
  name: string | undefined,
): Promise<ExportedAudit> {
  const lines = (rows: object[]) => rows.map((row) => `${escapeInJson(JSON.stringify(row))}\n`).join('');
  if (name === undefined) return exportAudit(context, since, (rows) => toStdout(lines(rows)));
  const file = await openExportFile(name);
  try {
    const end = await exportAudit(context, since, (rows) => file.write(lines(rows)).then(() => true));
    await file.finish();
    return end;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** False = a reader that left (`| head`) has what it wanted. */
function toStdout(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === undefined || error === null) return resolve(true);
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return resolve(false);
      reportsItself(error);
      reject(error);
    });
  });
}
