import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { sinceFlag } from '../../cli/flags/flags.ts';
import { reasonFlag, taskIdArg } from '../../cli/flags/task-args.ts';
import { operator } from '../../cli/operator.ts';
import type { RetriedTasks } from '../../core/tasks/retry-tasks.ts';
import type { RetriedTask } from '../../core/tasks/tasks.ts';

/** All retried tasks; for a single id also its keys at the top level, by filter also the counts. */
export type TasksRetryResult = { tasks: RetriedTask[] } & (Partial<RetriedTask> | RetriedTasks);

export default class TasksRetry extends BaseCommand {
  static override summary = 'Retry failed or cancelled tasks now, with all their retries again.';
  static override description =
    `Resets retry_count to 0; attempt numbers continue. A task waiting for its next retry becomes due now. Give either task ids, or --status with the other filters. Retrying more than 100 tasks asks for confirmation (or --yes).`;
  static override examples = [
    '<%= config.bin %> tasks retry 5 6 7',
    '<%= config.bin %> tasks retry --status failed --type sync_data --since yesterday --yes',
  ];
  static override args = { task_id: taskIdArg({ multiple: true }) };
  static override flags = {
    force: Flags.boolean({ summary: 'Also retry tasks that are done (with ids only).' }),
    status: Flags.option({ options: ['failed', 'cancelled'] as const, summary: 'Retry all tasks with this status.' })(),
    type: Flags.string({ dependsOn: ['status'], helpValue: 'TYPE', summary: 'Only tasks of this type.' }),
    since: sinceFlag({ dependsOn: ['status'], summary: 'Only tasks that ended since: 2h, yesterday, 2024-01-31.' }),
    limit: Flags.integer({
      ...{ dependsOn: ['status'], helpValue: 'N', min: 1, max: 100_000 },
      summary: 'Retry at most N tasks, oldest first.',
    }),
    'dry-run': Flags.boolean({ dependsOn: ['status'], summary: 'List the tasks without retrying them.' }),
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask for confirmation.' }),
    reason: reasonFlag(),
  };

  async run(): Promise<TasksRetryResult> {
    const { args, flags } = await this.parse(TasksRetry);
    const { idsOrFilter } = await import('../../cli/retry-by-filter.ts');
    const ids = idsOrFilter(args.task_id, flags);
    return this.withContext(async (context) => {
      if (ids === undefined) {
        const { renderRetriedTasks, retryByFilter } = await import('../../cli/retry-by-filter.ts');
        const { status, type: task_type, since, yes, reason, limit, 'dry-run': dryRun } = flags;
        const { typedCommand } = await import('../../cli/typed.ts');
        const again = typedCommand('afd tasks retry', this.argv);
        const ask = { dryRun, yes, json: this.jsonEnabled(), again, reason };
        const filter = { status: status ?? ('failed' as const), task_type, since, limit: limit ?? 100_000 };
        const result = await retryByFilter(context, filter, ask);
        this.log(renderRetriedTasks(result));
        return result;
      }
      const { retryTasks } = await import('../../core/tasks/tasks.ts');
      const { tasks, error } = await retryTasks(context, ids, { force: flags.force, by: operator(flags.reason) });
      const { renderRetried } = await import('../../cli/render/task.ts');
      for (const task of tasks) this.log(renderRetried(task));
      if (error !== undefined) throw error;
      return ids.length === 1 ? { ...tasks[0]!, tasks } : { tasks };
    });
  }
}
