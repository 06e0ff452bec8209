import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { inFlags, taskFlags, taskOf } from '../cli/flags/task-flags.ts';
import type { HandlerRun } from '../core/run/handler-run.ts';

export type RunCommandResult = HandlerRun | undefined;

export default class Run extends BaseCommand {
  static override summary = 'Run one handler here and now, without a database.';
  static override description =
    `Runs the module or command of handlers.<type> as a worker would: with the same environment, limits and timeout, and with the same reading of how it ended. Its output is shown as it comes. Nothing is stored, and tasks that it enqueues are shown but not added.

Exit codes: 0 done; 8 the attempt failed; 75 the handler asked for later; 7 timed out; 130 or 143 ended by a signal. Ctrl-C ends the handler with SIGTERM, and with SIGKILL after worker.kill_grace; a second one ends it at once.`;
  static override examples = [
    `<%= config.bin %> run sync_data --data '{"app_id":"com.example.app"}'`,
    '<%= config.bin %> run sync_data --data @task.json --watch',
    '<%= config.bin %> run sync_data --json',
  ];
  static override args = { type: Args.string({ required: true, description: 'Task type; it selects the handler.' }) };
  static override flags = {
    data: Flags.string({ helpValue: 'JSON', summary: 'Payload (task_data): JSON, @FILE, or "-" for standard input.' }),
    ...taskFlags,
    attempt: Flags.integer({
      helpValue: 'N',
      min: 1,
      default: 1,
      summary: 'Number of the attempt that the handler sees.',
    }),
    watch: Flags.boolean({
      summary: 'Run again when the file of the handler, or another file in its folder, changes.',
    }),
  };

  async run(): Promise<RunCommandResult> {
    const { args, flags } = await this.parse(Run);
    const { attempt, watch } = flags;
    const json = this.jsonEnabled();
    const { refuseWatchJson, runData } = await import('../cli/handler/run-data.ts');
    if (watch && json) throw refuseWatchJson();
    const task = { task_type: args.type, task_data: await runData(flags.data), ...taskOf(flags) };
    const { resolveForRun } = await import('../core/run/handler-to-run.ts');
    const resolved = await resolveForRun(task, this.loadOptions()).catch((error: unknown) => {
      throw inFlags(error, 'afd run');
    });
    for (const remark of resolved.remarks) this.note(remark);
    const { runHandler } = await import('../cli/handler/handler-run.ts');
    const { renderRun } = await import('../cli/render/run.ts');
    const colour = { stdout: await this.colour(), stderr: await this.colour(process.stderr) };
    const render = (run: HandlerRun) => renderRun(run, { colour: colour.stdout });
    const { run, exit } = await runHandler({ resolved, task, attempt, watch, json, colour: colour.stderr, render });
    if (!watch && run !== undefined) this.log(render(run));
    this.exitWith(exit);
    return run;
  }
}
