import { BaseCommand } from '../../cli/base-command.ts';
import type { LeaderStatus } from '../../core/leader/status-and-resign.ts';

export type LeaderStatusResult = LeaderStatus;

export default class LeaderStatusCommand extends BaseCommand {
  static override summary = 'Show the current leader and when its lease expires.';
  static override description =
    'Without a leader, workers continue to claim and finish tasks, but tasks of dead devices are not taken back until a node leads.';
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
