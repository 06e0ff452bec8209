import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { taskIdArg } from '../../cli/flags/task-args.ts';
import type { ShownTask } from '../../core/tasks/tasks.ts';

/** With --result: what the handler returned, any JSON. */
export type TasksShowResult = ShownTask | unknown;

export default class TasksShow extends BaseCommand {
  static override summary = 'Show a task: payload, attempts, who acted on it, why it is not running yet.';
  static override examples = [
    '<%= config.bin %> tasks show 5',
    '<%= config.bin %> tasks show 5 --json',
    '<%= config.bin %> tasks show 5 --result',
  ];
  static override args = { task_id: taskIdArg({ required: true }) };

  static override flags = {
    result: Flags.boolean({ summary: 'Print only the result of the last completed attempt, as JSON.' }),
    attempt: Flags.integer({
      dependsOn: ['result'],
      helpValue: 'N',
      min: 1,
      summary: 'With --result: the result of this attempt.',
    }),
  };

  async run(): Promise<TasksShowResult> {
    const { args, flags } = await this.parse(TasksShow);
    return this.withContext(async (context) => {
      if (flags.result) {
        const { resultOf } = await import('../../core/tasks/tasks.ts');
        const { renderResult } = await import('../../cli/render/result.ts');
        const text = await resultOf(context, args.task_id, flags.attempt);
        this.log(renderResult(text, process.stdout.isTTY === true));
        return JSON.parse(text);
      }
      const { showTask } = await import('../../core/tasks/tasks.ts');
      const task = await showTask(context, args.task_id);
      const { renderTask } = await import('../../cli/render/task.ts');
      this.log(renderTask(task, await this.renderOptions()));
      return task;
    });
  }
}
