import { Flags } from '@oclif/core';
import { durationFlag, waitDatabaseFlag } from '../cli/flags/flags.ts';
import { type LeaderRun, NodeCommand, type WorkerRun } from '../cli/node-command.ts';
import { AfdError } from '../core/domain/errors.ts';

export type StartResult = LeaderRun | WorkerRun;

/** Flags of workers only: a master refuses them instead of ignoring them. */
const OF_WORKERS = ['slots', 'leader', 'drain', 'max-time'] as const;

export default class Start extends NodeCommand {
  static override summary = 'Start this node in its configured mode.';

  static override description =
    'Mode "master" runs the node like "afd leader", mode "worker" like "afd worker". The mode is read from --mode, then from DISTRIBUTION_MODE, then from "mode" in the configuration file. With "enabled: false" the command refuses to start.';

  static override examples = ['<%= config.bin %> start', '<%= config.bin %> start --mode worker --slots 10'];

  static override flags = {
    mode: Flags.string({ options: ['master', 'worker'], summary: 'Mode of this node.' }),
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Id of this node (default: derived from the host name).' }),
    slots: Flags.integer({ helpValue: 'N', summary: 'Worker: maximum number of concurrent tasks.', min: 1 }),
    leader: Flags.boolean({ allowNo: true, summary: 'Worker: take part in the leader election (default).' }),
    once: Flags.boolean({ exclusive: ['drain'], summary: 'Claim once, or run one round of duties; then exit.' }),
    drain: Flags.boolean({ summary: 'Worker: execute tasks until none that it may run is due; then exit.' }),
    'max-time': durationFlag({
      relationships: [{ type: 'some', flags: ['once', 'drain'] }],
      summary: 'Worker with --once or --drain: stop claiming after this time, and exit with 7.',
    }),
    'wait-database': waitDatabaseFlag,
  };

  static override configFlags = {
    mode: 'mode',
    'device-id': 'worker.device_id',
    slots: 'worker.max_concurrent_tasks',
    leader: 'worker.leader',
  };

  async run(): Promise<StartResult> {
    const { flags } = await this.parse(Start);
    const { mode } = (await this.loadConfig()).config;
    const limits = { maxTimeS: flags['max-time'], waitDatabaseS: flags['wait-database'] };
    if (mode === 'worker') return this.runWorker(flags.once ? 'once' : flags.drain ? 'drain' : 'forever', limits);
    if (mode === 'master') {
      const idle = OF_WORKERS.filter((flag) => flags[flag] !== undefined);
      if (idle.length === 0) return this.runLeader({ once: flags.once, ...limits });
      const named = idle.map((flag) => `--${flag}`).join(', ');
      throw new AfdError('E_USAGE', `The mode of this node is master, but only workers accept ${named}.`, {
        suggestions: ['afd start --mode worker', 'afd leader'],
      });
    }
    throw new AfdError(
      'E_CONFIG',
      'No mode is set: pass --mode master or --mode worker, set DISTRIBUTION_MODE, or add "mode: worker" to the configuration file.',
      { suggestions: ['afd start --mode worker', 'afd start --mode master'], data: { key: 'mode' } },
    );
  }
}
