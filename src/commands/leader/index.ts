import { Flags } from '@oclif/core';
import { waitDatabaseFlag } from '../../cli/flags/flags.ts';
import { type LeaderRun, NodeCommand } from '../../cli/node-command.ts';

export type LeaderCommandResult = LeaderRun;

export default class Leader extends NodeCommand {
  static override summary = "Contend for leadership and do the leader's duties; execute no task.";

  static override description =
    'Every worker contends too, so this is for a machine that should lead without working, or (--once) for cron. With --once: exit 0 when the duties were done, also when another node leads (the log says which, at info); 1 when a duty failed.';

  static override examples = ['<%= config.bin %> leader', '<%= config.bin %> leader --once'];

  static override flags = {
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Name of this node; otherwise <host name>-leader.' }),
    once: Flags.boolean({ summary: 'Lead for one round of duties if nobody leads, then exit.' }),
    'wait-database': waitDatabaseFlag,
  };

  static override configFlags = { 'device-id': 'worker.device_id' };

  async run(): Promise<LeaderCommandResult> {
    const { flags } = await this.parse(Leader);
    return this.runLeader({ once: flags.once, waitDatabaseS: flags['wait-database'] });
  }
}
