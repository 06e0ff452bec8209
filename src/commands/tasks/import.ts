import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { importBatchFlags, intoBatch } from '../../cli/flags/batch-flags.ts';
import { operator } from '../../cli/operator.ts';
import type { ImportFormat, ImportResult } from '../../core/import/import-tasks.ts';

export type TasksImportResult = ImportResult;

export default class TasksImport extends BaseCommand {
  static override summary = 'Add many tasks from a CSV or JSON Lines file; "-" reads standard input.';
  static override description =
    `The columns of the CSV header, or the keys of each JSON object, are the fields of a task: task_type, task_data (JSON), username, app_id, start_date, end_date, priority, required_capabilities (JSON), dedupe_key, run_at, max_retry_count, execution_timeout, estimated_duration, concurrency_key. Empty fields are ignored.

Each transaction inserts up to 1000 rows or 8 MiB. The first invalid row stops the import: its line number is printed, and the rows before it are added. An import whose rows have dedupe keys can be repeated safely. Ctrl-C stops the import after the current transaction.`;

  static override examples = [
    '<%= config.bin %> tasks import tasks.csv',
    '<%= config.bin %> tasks import tasks.jsonl --type sync_data --skip-bad',
    'zcat tasks.csv.gz | <%= config.bin %> tasks import - --format csv --json',
  ];
  static override args = { file: Args.string({ required: true, description: 'File; "-" reads standard input.' }) };
  static override flags = {
    type: Flags.string({ helpValue: 'TYPE', summary: 'Task type of rows without a task_type.' }),
    format: Flags.option({
      options: ['csv', 'jsonl'] as const,
      summary: 'Input format (default: detected from name and content).',
    })(),
    'skip-bad': Flags.boolean({ summary: 'Skip invalid rows, and exit with 6 if there were any.' }),
    atomic: Flags.boolean({ summary: 'Add all rows or none, in one transaction of at most 200000 rows or 64 MiB.' }),
    ...importBatchFlags,
    'from-line': Flags.integer({ min: 1, helpValue: 'N', summary: 'Skip the rows before this line.' }),
    'dry-run': Flags.boolean({ summary: 'Validate every row without adding tasks.' }),
  };

  async run(): Promise<TasksImportResult> {
    const { args, flags } = await this.parse(TasksImport);
    const { importInput, importWithProgress } = await import('../../cli/import-run.ts');
    const { typedImport } = await import('../../cli/typed.ts');
    const { importNotes, renderImport } = await import('../../cli/render/import.ts');
    const { shutdownSignals } = await import('../../cli/shutdown.ts');
    const input = await importInput(args.file, this.jsonEnabled());
    const typed = typedImport(this.argv, args.file);
    const shutdown = shutdownSignals();
    try {
      const result = await this.withContext((context) =>
        importWithProgress(context, input, {
          ...{ defaultType: flags.type, format: flags.format as ImportFormat | undefined, atomic: flags.atomic },
          ...{ skipBad: flags['skip-bad'], dryRun: flags['dry-run'], fromLine: flags['from-line'] },
          ...{ typed, stop: shutdown.drain, batch: intoBatch(flags, operator(undefined), flags.seal) },
        }),
      );
      for (const one of importNotes(result)) this.note(one);
      this.log(renderImport(result, { dryRun: flags['dry-run'], typed }));
      this.exitWith(shutdown.exitCode({ inTime: result.complete }) || (result.bad > 0 ? 6 : 0));
      return result;
    } finally {
      shutdown.dispose();
    }
  }
}
