import { BaseCommand } from '../../cli/base-command.ts';
import type { ResignResult } from '../../core/leader/status-and-resign.ts';

export type LeaderResignResult = ResignResult;

export default class LeaderResign extends BaseCommand {
  static override summary = 'Make the present leader resign, so that another node leads.';
  static override description =
    'The leader stands back for one lease (master.lease_duration); if no other node contends, it leads again after that.';
  static override examples = ['<%= config.bin %> leader resign'];

  async run(): Promise<LeaderResignResult> {
    await this.parse(LeaderResign);
    return this.withContext(async (context) => {
      const { resignLeadership } = await import('../../core/leader/status-and-resign.ts');
      const result = await resignLeadership(context);
      const { renderResign } = await import('../../cli/render/leader.ts');
      this.log(renderResign(result));
      return result;
    });
  }
}
