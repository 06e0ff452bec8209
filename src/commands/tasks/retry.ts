import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { sinceFlag } from '../../cli/flags/flags.ts';
import { taskIdArg } from '../../cli/flags/task-args.ts';
import type { RetriedTasks } from '../../core/tasks/retry-tasks.ts';
import type { RetriedTask } from '../../core/tasks/tasks.ts';

/** All of them; of one id its keys besides, by filter the counts. */
export type TasksRetryResult = { tasks: RetriedTask[] } & (Partial<RetriedTask> | RetriedTasks);

export default class TasksRetry extends BaseCommand {
  static override summary = 'Run failed or cancelled tasks again, now, with a new budget.';
  static override description =
    `retry_count begins at 0 again, and the number of the attempt goes on. A task that waits between two tries is due at once. Either ids, or --status with the other filters. More than 100 tasks need a yes, or --yes.`;
  static override examples = [
    '<%= config.bin %> tasks retry 5 6 7',
    '<%= config.bin %> tasks retry --status failed --type sync_data --since yesterday --yes',
  ];
  static override args = { task_id: taskIdArg({ multiple: true }) };
  static override flags = {
    force: Flags.boolean({ summary: 'Also a task that is done; with ids.' }),
    status: Flags.option({ options: ['failed', 'cancelled'] as const, summary: 'All that ended so.' })(),
    type: Flags.string({ dependsOn: ['status'], helpValue: 'TYPE', summary: 'Only of this type.' }),
    since: sinceFlag({ dependsOn: ['status'], summary: 'Only what ended since: 2h, yesterday, 2024-01-31.' }),
    limit: Flags.integer({ dependsOn: ['status'], helpValue: 'N', min: 1, max: 100_000, summary: 'The oldest N.' }),
    'dry-run': Flags.boolean({ dependsOn: ['status'], summary: 'Only say which.' }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
  };

  async run(): Promise<TasksRetryResult> {
    const { args, flags } = await this.parse(TasksRetry);
    const { idsOrFilter } = await import('../../cli/retry-by-filter.ts');
    const ids = idsOrFilter(args.task_id, flags);
    return this.withContext(async (context) => {
      if (ids === undefined) {
        const { renderRetriedTasks, retryByFilter } = await import('../../cli/retry-by-filter.ts');
        const filter = { status: flags.status ?? ('failed' as const), task_type: flags.type, since: flags.since };
        const { typedCommand } = await import('../../cli/typed.ts');
        const again = typedCommand('afd tasks retry', this.argv);
        const ask = { dryRun: flags['dry-run'], yes: flags.yes, json: this.jsonEnabled(), again };
        const result = await retryByFilter(context, { ...filter, limit: flags.limit ?? 100_000 }, ask);
        this.log(renderRetriedTasks(result));
        return result;
      }
      const { retryTasks } = await import('../../core/tasks/tasks.ts');
      const { tasks, error } = await retryTasks(context, ids, { force: flags.force });
      const { renderRetried } = await import('../../cli/render/task.ts');
      for (const task of tasks) this.log(renderRetried(task));
      if (error !== undefined) throw error;
      return ids.length === 1 ? { ...tasks[0]!, tasks } : { tasks };
    });
  }
}
