import { BaseCommand } from '../../cli/base-command.ts';
import { operator } from '../../cli/operator.ts';
import type { ResignResult } from '../../core/leader/status-and-resign.ts';

export type LeaderResignResult = ResignResult;

export default class LeaderResign extends BaseCommand {
  static override summary = 'Make the current leader step down, so that another node can lead.';
  static override description =
    'The node that steps down does not take part in the election for one lease (master.lease_duration). If no other node takes part, it becomes leader again after that.';
  static override examples = ['<%= config.bin %> leader resign'];

  async run(): Promise<LeaderResignResult> {
    await this.parse(LeaderResign);
    return this.withContext(async (context) => {
      const { resignLeadership } = await import('../../core/leader/status-and-resign.ts');
      const result = await resignLeadership(context, operator(undefined));
      const { renderResign } = await import('../../cli/render/leader.ts');
      this.log(renderResign(result));
      return result;
    });
  }
}
