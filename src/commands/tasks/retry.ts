import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { taskIdArg } from '../../cli/task-args.ts';
import type { RetriedTask } from '../../core/tasks.ts';

/** Of one id its task, of several all of them. */
export type TasksRetryResult = RetriedTask | { tasks: RetriedTask[] };

export default class TasksRetry extends BaseCommand {
  static override summary = 'Run failed or cancelled tasks again, now, with a new budget.';
  static override description =
    'retry_count begins at 0 again, and the number of the attempt goes on. A task that waits between two tries is due at once.';
  static override examples = ['<%= config.bin %> tasks retry 5 6 7'];
  static override args = { task_id: taskIdArg({ required: true, multiple: true }) };
  static override flags = { force: Flags.boolean({ summary: 'Also a task that is done.' }) };

  async run(): Promise<TasksRetryResult> {
    const { args, flags } = await this.parse(TasksRetry);
    return this.withContext(async (context) => {
      const { retryTasks } = await import('../../core/tasks.ts');
      const { tasks, error } = await retryTasks(context, args.task_id, { force: flags.force });
      const { renderRetried } = await import('../../cli/render/task.ts');
      for (const task of tasks) this.log(renderRetried(task));
      if (error !== undefined) throw error;
      return args.task_id.length === 1 ? tasks[0]! : { tasks };
    });
  }
}
