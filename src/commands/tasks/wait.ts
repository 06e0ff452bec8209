import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import { taskIdArg } from '../../cli/flags/task-args.ts';
import type { TaskState } from '../../core/tasks/wait-for-tasks.ts';

export interface TasksWaitResult {
  tasks: TaskState[];
}

export default class TasksWait extends BaseCommand {
  static override summary = 'Wait until tasks have ended.';
  static override description =
    'Exit code 0: all tasks are done. 8: a task failed or was cancelled. 7: a task had not ended before the timeout. With --json the status of every task is printed in each case; with exit codes 8 and 7 it is in error.data.tasks.';
  static override examples = [
    '<%= config.bin %> tasks wait 5 6 7 --timeout 10m',
    {
      command: '<%= config.bin %> tasks wait "$(<%= config.bin %> tasks add --type sync_apps)"',
      description: 'Add a task and wait for it',
    },
  ];
  static override args = { task_id: taskIdArg({ required: true, multiple: true }) };
  static override flags = {
    timeout: durationFlag({ summary: 'Give up after this time (default: wait indefinitely).' }),
  };

  async run(): Promise<TasksWaitResult> {
    const { args, flags } = await this.parse(TasksWait);
    return this.withContext(async (context) => {
      const { waitForTasks } = await import('../../core/tasks/wait-for-tasks.ts');
      const tasks = await waitForTasks(context, args.task_id, flags.timeout);
      for (const { task_id, status } of tasks) this.log(`Task ${task_id} is ${status}.`);
      return { tasks };
    });
  }
}
