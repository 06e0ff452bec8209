import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { taskIdArg } from '../../cli/flags/task-args.ts';
import type { ReassignedTask } from '../../core/tasks/tasks.ts';

export type TasksReassignResult = ReassignedTask;

export default class TasksReassign extends BaseCommand {
  static override aliases = ['reassign'];
  static override summary = 'Move a task to another device; one that runs it is asked to let go first.';
  static override description =
    'Without --to any device may have it. No retry is spent. A device that cannot run it (offline, paused, without the handler or a capability) is refused with exit code 5. --force directs it there all the same, and takes it from a device that does not answer any more, without asking.';
  static override examples = [
    '<%= config.bin %> tasks reassign 5 --to worker-002',
    '<%= config.bin %> reassign 5 --force',
  ];
  static override args = { task_id: taskIdArg({ required: true }) };
  static override flags = {
    to: Flags.string({ helpValue: 'DEVICE', summary: 'The only device that may run it.' }),
    force: Flags.boolean({ summary: 'Take it from its device at once; also to one that cannot run it now.' }),
  };

  async run(): Promise<TasksReassignResult> {
    const { args, flags } = await this.parse(TasksReassign);
    return this.withContext(async (context) => {
      const { reassignTask } = await import('../../core/tasks/tasks.ts');
      const task = await reassignTask(context, args.task_id, { to: flags.to, force: flags.force });
      const { renderReassigned } = await import('../../cli/render/task.ts');
      this.log(renderReassigned(task));
      for (const warning of task.warnings) this.note(warning);
      return task;
    });
  }
}
