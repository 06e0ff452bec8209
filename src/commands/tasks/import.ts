import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { parseWhen } from '../../cli/flags/flags.ts';
import type { ImportFormat, ImportResult } from '../../core/import/import-tasks.ts';

export type TasksImportResult = ImportResult;

export default class TasksImport extends BaseCommand {
  static override summary = 'Add many tasks from a CSV or from JSON lines; "-" reads standard input.';
  static override description =
    `The header of a CSV, or the keys of each object, are those of a task: task_type, task_data (JSON), username, app_id, start_date, end_date, priority, required_capabilities (JSON), dedupe_key, run_at, max_retry_count, execution_timeout, estimated_duration, concurrency_key. An empty field is left out.

Rows go in by transactions of 1000, or of 8 MiB. A bad row stops it, with its line: what is before it is in. With dedupe keys an import may simply be run again. Ctrl-C stops it after the transaction that is under way.`;

  static override examples = [
    '<%= config.bin %> tasks import tasks.csv',
    '<%= config.bin %> tasks import tasks.jsonl --type sync_data --skip-bad',
    'zcat tasks.csv.gz | <%= config.bin %> tasks import - --format csv --json',
  ];
  static override args = { file: Args.string({ required: true, description: 'The file; "-" is standard input.' }) };
  static override flags = {
    type: Flags.string({ helpValue: 'TYPE', summary: 'Type of the rows that name none.' }),
    format: Flags.option({ options: ['csv', 'jsonl'] as const, summary: 'Otherwise by name and content.' })(),
    'skip-bad': Flags.boolean({ summary: 'Pass over bad rows and exit 6 in the end, if there were any.' }),
    atomic: Flags.boolean({ summary: 'All rows or none, in one transaction; at most 200000, or 64 MiB.' }),
    'from-line': Flags.integer({ min: 1, helpValue: 'N', summary: 'Pass over the rows before this line.' }),
    'dry-run': Flags.boolean({ summary: 'Check every row and add nothing.' }),
  };

  async run(): Promise<TasksImportResult> {
    const { args, flags } = await this.parse(TasksImport);
    const { importInput, importWithProgress } = await import('../../cli/import-run.ts');
    const { typedImport } = await import('../../cli/typed.ts');
    const { renderImport } = await import('../../cli/render/import.ts');
    const { shutdownSignals } = await import('../../cli/shutdown.ts');
    const input = await importInput(args.file, this.jsonEnabled());
    const typed = typedImport(this.argv, args.file);
    const shutdown = shutdownSignals();
    try {
      const result = await this.withContext((context) =>
        importWithProgress(context, input, {
          ...{ defaultType: flags.type, format: flags.format as ImportFormat | undefined, atomic: flags.atomic },
          ...{ skipBad: flags['skip-bad'], dryRun: flags['dry-run'], fromLine: flags['from-line'] },
          ...{ typed, stop: shutdown.drain, parseWhen: (text: string) => parseWhen(text, 'ahead') },
        }),
      );
      for (const { line, problem } of result.problems) this.note(`line ${line}: ${problem}`);
      for (const warning of result.warnings) this.note(warning);
      this.log(renderImport(result, { dryRun: flags['dry-run'], again: typed.again }));
      this.exitWith(shutdown.exitCode({ inTime: result.complete }) || (result.bad > 0 ? 6 : 0));
      return result;
    } finally {
      shutdown.dispose();
    }
  }
}
