import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { filterFlags } from '../../cli/flags/filter-flags.ts';
import type { TaskRecord } from '../../core/tasks/tasks.ts';

export interface TasksLsResult {
  tasks: TaskRecord[];
}

export default class TasksLs extends BaseCommand {
  static override summary = 'List tasks, newest first.';
  static override examples = [
    '<%= config.bin %> tasks ls --status failed',
    '<%= config.bin %> tasks ls --device worker-001 --type sync_data --limit 10 --json',
  ];
  static override flags = {
    ...filterFlags,
    limit: Flags.integer({
      helpValue: 'N',
      min: 1,
      max: 10_000,
      default: 50,
      summary: 'Maximum number of tasks to list.',
    }),
  };

  async run(): Promise<TasksLsResult> {
    const { flags } = await this.parse(TasksLs);
    const { status, type: task_type, device: device_id, limit } = flags;
    return this.withContext(async (context) => {
      const { listTasks } = await import('../../core/tasks/tasks.ts');
      const tasks = await listTasks(context, { status, task_type, device_id, limit });
      const { renderTasks } = await import('../../cli/render/task.ts');
      const filtered = [status, task_type, device_id].some((one) => one !== undefined);
      this.log(renderTasks(tasks, { ...(await this.renderOptions()), filtered }));
      return { tasks };
    });
  }
}
