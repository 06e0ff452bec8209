import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { batchFlags, intoBatch } from '../../cli/flags/batch-flags.ts';
import { jsonFlag, whenFlag } from '../../cli/flags/flags.ts';
import { inFlags, taskFlags, taskOf } from '../../cli/flags/task-flags.ts';
import { operator } from '../../cli/operator.ts';
import type { AddedTask } from '../../core/tasks/tasks.ts';

export type TasksAddResult = AddedTask;

export default class TasksAdd extends BaseCommand {
  static override summary = 'Add a task and print its id.';
  static override description =
    'If a task with the same dedupe key exists, nothing is added or changed, and the id of that task is printed.';
  static override examples = [
    `<%= config.bin %> tasks add --type sync_apps --username user@example.com`,
    `<%= config.bin %> tasks add --type sync_data --data '{"app_id":"com.example.app"}' --dedupe-key 'com.example.app 2024-01-01'`,
    `<%= config.bin %> tasks add --type sync_data --requires '{"browser_support":true}' --priority 10 --run-at 2h`,
  ];
  static override flags = {
    type: Flags.string({ required: true, helpValue: 'TYPE', summary: 'Task type; it selects the handler.' }),
    data: jsonFlag({ summary: 'Payload for the handler (task_data), in addition to username, app id and dates.' }),
    ...taskFlags,
    requires: jsonFlag({ summary: 'Capabilities that a device must have to run the task.' }),
    'dedupe-key': Flags.string({ helpValue: 'KEY', summary: 'Unique key: only one task may have it.' }),
    ...batchFlags,
    'run-at': whenFlag({ summary: 'Earliest start time (default: now).' }),
  };

  async run(): Promise<TasksAddResult> {
    const { flags } = await this.parse(TasksAdd);
    const task = {
      task_type: flags.type,
      task_data: flags.data ?? null,
      ...taskOf(flags),
      required_capabilities: flags.requires ?? null,
      dedupe_key: flags['dedupe-key'] ?? null,
    };
    return this.withContext(async (context) => {
      const { addTask } = await import('../../core/tasks/tasks.ts');
      const options = { runAt: flags['run-at'], batch: intoBatch(flags, operator(undefined)) };
      const added = await addTask(context, task, options).catch((error: unknown) => {
        throw inFlags(error);
      });
      this.log(String(added.task_id));
      if (!added.created) this.note(`task ${added.task_id} already has this dedupe key; nothing was added.`);
      if (flags.batch !== undefined) this.note(`this is batch ${added.batch_id}.`);
      for (const warning of added.warnings) this.note(warning);
      return added;
    });
  }
}
