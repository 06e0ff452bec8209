import { Flags } from '@oclif/core';
import { waitDatabaseFlag } from '../../cli/flags/flags.ts';
import { type LeaderRun, NodeCommand } from '../../cli/node-command.ts';

export type LeaderCommandResult = LeaderRun;

export default class Leader extends NodeCommand {
  static override summary = "Take part in the election and run the leader's duties, without executing tasks.";

  static override description =
    'Every worker takes part in the election too. Use this command on a machine that should lead without executing tasks, or with --once from cron. Exit codes with --once: 0 when the duties were done, also when another node is leader (the log names it at level info); 1 when a duty failed.';

  static override examples = ['<%= config.bin %> leader', '<%= config.bin %> leader --once'];

  static override flags = {
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Id of this node (default: <host name>-leader).' }),
    once: Flags.boolean({ summary: 'If there is no leader, run one round of duties; then exit.' }),
    'wait-database': waitDatabaseFlag,
  };

  static override configFlags = { 'device-id': 'worker.device_id' };

  async run(): Promise<LeaderCommandResult> {
    const { flags } = await this.parse(Leader);
    return this.runLeader({ once: flags.once, waitDatabaseS: flags['wait-database'] });
  }
}
