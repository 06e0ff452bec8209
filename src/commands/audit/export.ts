import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { auditFlags } from '../../cli/flags/audit-flags.ts';
import type { ExportedAudit } from '../../core/audit/export-audit.ts';
import { AfdError } from '../../core/domain/errors.ts';

export interface AuditExportResult extends ExportedAudit {
  file: string | null;
}

export default class AuditExport extends BaseCommand {
  static override summary = 'Write the audit log as JSON lines, oldest first.';
  static override description =
    'A line has every field of a row, with its hashes in hexadecimal. With --json a file must be named, and the result says what is in it.';
  static override examples = [
    '<%= config.bin %> audit export --output audit.jsonl',
    '<%= config.bin %> audit export --since yesterday | gzip > audit.jsonl.gz',
  ];
  static override flags = {
    since: auditFlags.since,
    output: Flags.string({ char: 'o', helpValue: 'FILE', summary: 'File to write (default: standard output).' }),
  };

  async run(): Promise<AuditExportResult> {
    const { flags } = await this.parse(AuditExport);
    const { output: file, since } = flags;
    if (file === undefined && this.jsonEnabled()) {
      const message = 'With --json standard output holds the result of the command: name a file with --output.';
      throw new AfdError('E_USAGE', message, { suggestions: ['afd audit export --help'] });
    }
    const { exportAuditTo } = await import('../../cli/export-audit.ts');
    const { renderAuditExport } = await import('../../cli/render/access/audit.ts');
    const { shutdownSignals } = await import('../../cli/shutdown.ts');
    const shutdown = shutdownSignals();
    try {
      const end = await this.withContext((context) => exportAuditTo(context, { since, file, stop: shutdown.drain }));
      if (shutdown.drain.aborted && !end.complete) this.note(renderAuditExport(end, file));
      else if (file !== undefined) this.log(renderAuditExport(end, file));
      this.exitWith(shutdown.exitCode({ inTime: end.complete }));
      return { file: file ?? null, ...end };
    } finally {
      shutdown.dispose();
    }
  }
}
