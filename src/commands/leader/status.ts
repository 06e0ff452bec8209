import { BaseCommand } from '../../cli/base-command.ts';
import type { LeaderStatus } from '../../core/leader/status-and-resign.ts';

export type LeaderStatusResult = LeaderStatus;

export default class LeaderStatusCommand extends BaseCommand {
  static override summary = 'Show who leads, and for how long it may.';
  static override description =
    'Without a leader the fleet goes on claiming and finishing; the tasks of dead devices wait until there is one.';
  static override examples = ['<%= config.bin %> leader status', '<%= config.bin %> leader status --json'];

  async run(): Promise<LeaderStatusResult> {
    await this.parse(LeaderStatusCommand);
    return this.withContext(async (context) => {
      const { leaderStatus } = await import('../../core/leader/status-and-resign.ts');
      const status = await leaderStatus(context);
      const { renderLeader } = await import('../../cli/render/leader.ts');
      this.log(renderLeader(status));
      return status;
    });
  }
}
