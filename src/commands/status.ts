import { BaseCommand } from '../cli/base-command.ts';
import type { FleetStatus } from '../core/status.ts';

export type StatusResult = FleetStatus;

export default class Status extends BaseCommand {
  static override summary = 'Show whether the fleet is healthy, and list its problems.';
  static override description =
    'Exit code 0: there are no problems. 1: problems were found, and are listed. 69: the database cannot be reached. The command changes nothing.';
  static override examples = [
    '<%= config.bin %> status',
    '<%= config.bin %> status --json',
    {
      command: '<%= config.bin %> status > /tmp/afd.txt || cat /tmp/afd.txt',
      description: 'For cron, which mails all output: print only if there is a problem',
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
