import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { reasonFlag, taskIdArg } from '../../cli/flags/task-args.ts';
import { operator } from '../../cli/operator.ts';
import type { CancelledTask } from '../../core/tasks/tasks.ts';

/** All cancelled tasks; for a single id also its keys at the top level. */
export type TasksCancelResult = { tasks: CancelledTask[] } & Partial<CancelledTask>;

export default class TasksCancel extends BaseCommand {
  static override summary = 'Cancel tasks; a device that runs one is asked to abort it.';
  static override description =
    'If the task finishes before it is aborted, its result counts. --force ends the attempt in the database without asking the device: use it for a device that does not respond. Its process may still run the task, but its result will be rejected.';
  static override examples = ['<%= config.bin %> tasks cancel 5 6 7', '<%= config.bin %> tasks cancel 5 --force'];
  static override args = { task_id: taskIdArg({ required: true, multiple: true }) };
  static override flags = {
    force: Flags.boolean({ summary: 'End a running attempt at once, without asking its device.' }),
    reason: reasonFlag(),
  };

  async run(): Promise<TasksCancelResult> {
    const { args, flags } = await this.parse(TasksCancel);
    return this.withContext(async (context) => {
      const { cancelTasks } = await import('../../core/tasks/tasks.ts');
      const { tasks, error } = await cancelTasks(context, args.task_id, {
        force: flags.force,
        by: operator(flags.reason),
      });
      const { renderCancelled } = await import('../../cli/render/task.ts');
      for (const task of tasks) this.log(renderCancelled(task));
      if (error !== undefined) throw error;
      return args.task_id.length === 1 ? { ...tasks[0]!, tasks } : { tasks };
    });
  }
}
