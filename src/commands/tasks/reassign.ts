import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { reasonFlag, taskIdArg } from '../../cli/flags/task-args.ts';
import { operator } from '../../cli/operator.ts';
import type { ReassignedTask } from '../../core/tasks/tasks.ts';

export type TasksReassignResult = ReassignedTask;

export default class TasksReassign extends BaseCommand {
  static override aliases = ['reassign'];
  static override summary = 'Reassign a task; if it is running, its device is asked to release it first.';
  static override description =
    'Without --to, any device may claim the task. No retry is used. A target device that cannot run the task (offline, paused, or without the handler or a capability) is refused with exit code 5. With --force the task is directed at it anyway, and is taken without asking from a device that does not respond.';
  static override examples = [
    '<%= config.bin %> tasks reassign 5 --to worker-002',
    '<%= config.bin %> reassign 5 --force',
  ];
  static override args = { task_id: taskIdArg({ required: true }) };
  static override flags = {
    to: Flags.string({ helpValue: 'DEVICE', summary: 'Device that is to run the task; no other may.' }),
    reason: reasonFlag(),
    force: Flags.boolean({
      summary: 'Take the task from its device without asking, and accept a target that cannot run it.',
    }),
  };

  async run(): Promise<TasksReassignResult> {
    const { args, flags } = await this.parse(TasksReassign);
    return this.withContext(async (context) => {
      const { reassignTask } = await import('../../core/tasks/tasks.ts');
      const task = await reassignTask(context, args.task_id, {
        ...{ to: flags.to, force: flags.force, by: operator(flags.reason) },
      });
      const { renderReassigned } = await import('../../cli/render/task.ts');
      this.log(renderReassigned(task));
      for (const warning of task.warnings) this.note(warning);
      return task;
    });
  }
}
