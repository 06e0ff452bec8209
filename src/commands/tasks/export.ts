import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { filterFlags } from '../../cli/flags/filter-flags.ts';
import type { ExportFormat } from '../../core/export/export-rows.ts';
import type { ExportEnd } from '../../core/export/export-tasks.ts';

export interface TasksExportResult extends ExportEnd {
  file: string | null;
  format: ExportFormat;
}

export default class TasksExport extends BaseCommand {
  static override summary = 'Write tasks with their results to a CSV or JSON Lines file, oldest first.';
  static override description =
    'A row has the fields of "afd tasks ls --json", the device, times and error of its last attempt, and the result. The export reads a part of the table at a time, without locks: a task that changes meanwhile is written in either state, and each task once. The file gets its name when it is complete.';
  static override examples = [
    '<%= config.bin %> tasks export --output tasks.csv',
    '<%= config.bin %> tasks export --status done --type sync_data --format jsonl | gzip > done.jsonl.gz',
  ];
  static override flags = {
    ...filterFlags,
    'app-id': Flags.string({ helpValue: 'ID', summary: 'Only tasks of this app.' }),
    output: Flags.string({ char: 'o', helpValue: 'FILE', summary: 'File to write (default: standard output).' }),
    format: Flags.option({
      options: ['csv', 'jsonl'] as const,
      summary: 'Output format (default: that of the file name; csv for standard output).',
    })(),
  };

  async run(): Promise<TasksExportResult> {
    const { flags } = await this.parse(TasksExport);
    const { status, type: task_type, device: device_id, 'app-id': app_id, output: file } = flags;
    const json = this.jsonEnabled();
    const { exportWithProgress, formatOf, refuseJsonOnStdout } = await import('../../cli/export-run.ts');
    if (json && file === undefined) throw refuseJsonOnStdout();
    const format = formatOf(flags.format as ExportFormat | undefined, file);
    const { shutdownSignals } = await import('../../cli/shutdown.ts');
    const shutdown = shutdownSignals();
    try {
      const filter = { status, task_type, device_id, app_id };
      let replica: string | undefined;
      const onReplica = (where: string, delayS: number) => {
        replica = `Read from the replica ${where}, up to ${delayS.toFixed(1)} s behind the writer.`;
      };
      const request = { filter, format, file, json, stop: shutdown.drain, onReplica };
      const end = await this.withContext((context) => exportWithProgress(context, request));
      if (replica !== undefined) this.note(replica);
      const { renderExport } = await import('../../cli/render/export.ts');
      if (shutdown.drain.aborted && !end.complete) this.note(renderExport(end, file));
      else if (file !== undefined) this.log(renderExport(end, file));
      this.exitWith(shutdown.exitCode({ inTime: end.complete }));
      return { file: file ?? null, format, ...end };
    } finally {
      shutdown.dispose();
    }
  }
}
