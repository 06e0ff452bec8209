import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { jsonFlag, whenFlag } from '../../cli/flags/flags.ts';
import { inFlags } from '../../cli/flags/task-flags.ts';
import type { AddedTask } from '../../core/tasks/tasks.ts';

export type TasksAddResult = AddedTask;

export default class TasksAdd extends BaseCommand {
  static override summary = 'Add a task and print its id.';
  static override description =
    'With a dedupe key that a task has already, nothing is added or changed, and the id of that task is printed.';
  static override examples = [
    `<%= config.bin %> tasks add --type sync_apps --username user@example.com`,
    `<%= config.bin %> tasks add --type sync_data --data '{"app_id":"com.example.app"}' --dedupe-key 'com.example.app 2024-01-01'`,
    `<%= config.bin %> tasks add --type sync_data --requires '{"browser_support":true}' --priority 10 --run-at 2h`,
  ];
  static override flags = {
    type: Flags.string({ required: true, helpValue: 'TYPE', summary: 'Type of the task: what a device must handle.' }),
    data: jsonFlag({ summary: 'What its handler gets as task_data, beside the four values that follow.' }),
    username: Flags.string({ helpValue: 'NAME', summary: 'Account.' }),
    'app-id': Flags.string({ helpValue: 'ID', summary: 'App.' }),
    'start-date': Flags.string({ helpValue: 'DATE', summary: 'First day, as 2024-01-31.' }),
    'end-date': Flags.string({ helpValue: 'DATE', summary: 'Last day, as 2024-01-31.' }),
    priority: Flags.integer({ min: 1, max: 10, helpValue: '1..10', summary: '10 runs first; 5 unless given.' }),
    requires: jsonFlag({ summary: 'Capabilities that a device must have.' }),
    'dedupe-key': Flags.string({ helpValue: 'KEY', summary: 'Tasks with equal keys are one task.' }),
    'run-at': whenFlag({ summary: 'Not before this time; at once unless given.' }),
  };

  async run(): Promise<TasksAddResult> {
    const { flags } = await this.parse(TasksAdd);
    const task = {
      task_type: flags.type,
      task_data: flags.data ?? null,
      username: flags.username ?? null,
      app_id: flags['app-id'] ?? null,
      start_date: flags['start-date'] ?? null,
      end_date: flags['end-date'] ?? null,
      priority: flags.priority ?? null,
      required_capabilities: flags.requires ?? null,
      dedupe_key: flags['dedupe-key'] ?? null,
    };
    return this.withContext(async (context) => {
      const { addTask } = await import('../../core/tasks/tasks.ts');
      const added = await addTask(context, task, flags['run-at']).catch((error: unknown) => {
        throw inFlags(error);
      });
      this.log(String(added.task_id));
      if (!added.created) this.note(`task ${added.task_id} has this dedupe key already; nothing was added.`);
      for (const warning of added.warnings) this.note(warning);
      return added;
    });
  }
}
