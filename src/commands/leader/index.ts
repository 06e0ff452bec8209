import { hostname } from 'node:os';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { LeaderOnceResult } from '../../core/leader/leader-once.ts';

export type LeaderCommandResult = LeaderOnceResult | { device_id: string };

export default class Leader extends BaseCommand {
  static override summary = "Contend for leadership and do the leader's duties; execute no task.";

  static override description =
    `Every worker contends too, so this is for a machine that should lead without working, or (--once) for cron. With --once:
exit 0 when the duties were done, also when another node leads (it says which); 1 when a duty failed.`;

  static override examples = ['<%= config.bin %> leader', '<%= config.bin %> leader --once'];

  static override flags = {
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Name of this node; otherwise <host name>-leader.' }),
    once: Flags.boolean({ summary: 'Lead for one round of duties if nobody leads, then exit.' }),
  };

  static override configFlags = { 'device-id': 'worker.device_id' };

  async run(): Promise<LeaderCommandResult> {
    const { flags } = await this.parse(Leader);
    const facts = { hostname: hostname(), version: this.config.version };
    if (flags.once) return this.withContext((context) => this.#once(context, facts), { purpose: 'leader' });
    const { shutdownSignals } = await import('../../cli/shutdown.ts');
    const shutdown = shutdownSignals();
    try {
      return await this.withContext(
        async (context) => {
          const { runLeader } = await import('../../core/leader/leader-node.ts');
          await context.session();
          return runLeader(context, { ...facts, stop: shutdown.drain });
        },
        { purpose: 'leader' },
      );
    } finally {
      shutdown.dispose();
    }
  }

  async #once(
    context: Parameters<typeof import('../../core/leader/leader-once.ts').leadOnce>[0],
    facts: { hostname: string; version: string },
  ) {
    const { leadOnce } = await import('../../core/leader/leader-once.ts');
    const result = await leadOnce(context, facts);
    const failed = Object.keys(result.duties?.failed ?? {});
    // Silent on success: cron mails whatever is printed.
    if (!result.led)
      this.logToStderr(`${result.leader ?? 'another node'} leads (term ${result.term}): nothing to do here.`);
    if (failed.length > 0) this.exitWith(1);
    return result;
  }
}
