import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { sinceFlag } from '../cli/flags/flags.ts';
import { taskIdArg } from '../cli/flags/task-args.ts';
import type { LogEntry } from '../core/logs/wanted-log.ts';

export interface LogsResult {
  entries: LogEntry[];
}

const STREAMS = ['stdout', 'stderr', 'log', 'afd'] as const;

export default class Logs extends BaseCommand {
  static override summary = 'Show what attempts printed, on whichever device they ran.';
  static override description =
    'Shows the last 10 attempts of a task. With --follow it continues with the next attempt after a retry, and ends when the task has ended. Times are those of the device. With --json and --follow each entry is one line of JSON.';
  static override examples = [
    '<%= config.bin %> logs 5 --follow',
    '<%= config.bin %> logs 5 --attempt 2 --stream stderr',
    '<%= config.bin %> logs --device worker-001 --follow --grep "quota|429"',
    '<%= config.bin %> logs --failed --since 1h',
  ];
  static override args = { task_id: taskIdArg({ required: false }) };
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'Wait for more output, until the task has ended.' }),
    attempt: Flags.integer({ helpValue: 'N', min: 1, summary: 'Only this attempt.' }),
    device: Flags.string({
      helpValue: 'DEVICE',
      summary:
        'Show all attempts of this device (id or unique prefix): the last 10 minutes, or what comes from now on.',
    }),
    failed: Flags.boolean({ summary: 'Show the newest 100 failed attempts (default: of the last hour).' }),
    since: sinceFlag({ summary: 'Only lines printed since this time.' }),
    stream: Flags.option({ options: STREAMS, summary: 'Only this stream: stdout, stderr, log (ctx.log) or afd.' })(),
    grep: Flags.string({ helpValue: 'REGEX', summary: 'Only lines that match this regular expression.' }),
  };

  #streamed = false;

  async run(): Promise<LogsResult> {
    const { args, flags } = await this.parse(Logs);
    const { follow, ...wanted } = flags;
    const left = new AbortController();
    process.stdout.once('close', () => left.abort());
    this.#streamed = this.jsonEnabled() && follow;
    return this.withContext(async (context) => {
      const { wantedLog } = await import('../core/logs/wanted-log.ts');
      const entries = wantedLog(context, { ...wanted, task_id: args.task_id, follow, signal: left.signal });
      const { printLog } = await import('../cli/print-log.ts');
      const text = { as: 'text', options: { colour: await this.colour(), named: flags.device !== undefined } } as const;
      const printing = !this.jsonEnabled() ? text : ({ as: follow ? 'json-lines' : 'document' } as const);
      return { entries: await printLog(entries, printing, process.stdout) };
    });
  }

  override logJson(json: unknown): void {
    const failed = typeof json === 'object' && json !== null && 'error' in json;
    if (!this.#streamed || failed) super.logJson(json);
  }
}
