import { BaseCommand } from '../cli/base-command.ts';
import type { FleetStatus } from '../core/status.ts';

export type StatusResult = FleetStatus;

export default class Status extends BaseCommand {
  static override summary = 'Say at one glance whether all is well, and if not, why.';
  static override description =
    'Exit code 0: all is well. 1: something needs attention, and the problems are listed. 69: the database cannot be reached. Nothing is changed.';
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    {
      command: '<%= config.bin %> status > /tmp/afd.txt || cat /tmp/afd.txt',
      description: 'From cron, which mails what is printed: only when something is wrong',
    },
  ];

  async run(): Promise<StatusResult> {
    await this.parse(Status);
    return this.withContext(async (context) => {
      const { fleetStatus } = await import('../core/status.ts');
      const status = await fleetStatus(context);
      const { renderStatus } = await import('../cli/render/status.ts');
      this.log(renderStatus(status, await this.colour()));
      if (!status.well) this.exitWith(1);
      return status;
    });
  }
}
