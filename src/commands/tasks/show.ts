import { BaseCommand } from '../../cli/base-command.ts';
import { taskIdArg } from '../../cli/flags/task-args.ts';
import type { ShownTask } from '../../core/tasks/tasks.ts';

export type TasksShowResult = ShownTask;

export default class TasksShow extends BaseCommand {
  static override summary = 'Show a task: its payload, its attempts, and why it is not running yet.';
  static override examples = ['<%= config.bin %> tasks show 5', '<%= config.bin %> tasks show 5 --json'];
  static override args = { task_id: taskIdArg({ required: true }) };

  async run(): Promise<TasksShowResult> {
    const { args } = await this.parse(TasksShow);
    return this.withContext(async (context) => {
      const { showTask } = await import('../../core/tasks/tasks.ts');
      const task = await showTask(context, args.task_id);
      const { renderTask } = await import('../../cli/render/task.ts');
      this.log(renderTask(task, await this.renderOptions()));
      return task;
    });
  }
}
