import { Flags } from '@oclif/core';
import { durationFlag, waitDatabaseFlag } from '../cli/flags/flags.ts';
import { MASTER_KEYS, masterFlags } from '../cli/flags/remote-flags.ts';
import { noMode, refuseWorkerFlags } from '../cli/flags/start-mode.ts';
import { type LeaderRun, NodeCommand, type WorkerRun } from '../cli/node-command.ts';

export type StartResult = LeaderRun | WorkerRun;

export default class Start extends NodeCommand {
  static override summary = 'Start this node in its configured mode.';

  static override description =
    'Mode "master" runs the node like "afd leader", mode "worker" like "afd worker". The mode is read from --mode, then from DISTRIBUTION_MODE, then from "mode" in the configuration file. With "enabled: false" the command refuses to start.';

  static override examples = [
    '<%= config.bin %> start',
    '<%= config.bin %> start --mode worker --slots 10',
    '<%= config.bin %> start --mode worker --master-host 192.168.1.10',
  ];

  static override flags = {
    mode: Flags.string({ options: ['master', 'worker'], summary: 'Mode of this node.' }),
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Id of this node (default: derived from the host name).' }),
    slots: Flags.integer({ helpValue: 'N', summary: 'Worker: maximum number of concurrent tasks.', min: 1 }),
    ...masterFlags,
    leader: Flags.boolean({ allowNo: true, summary: 'Worker: take part in the leader election (default).' }),
    once: Flags.boolean({ exclusive: ['drain'], summary: 'Claim once, or run one round of duties; then exit.' }),
    drain: Flags.boolean({ summary: 'Worker: execute tasks until none that it may run is due; then exit.' }),
    'max-time': durationFlag({
      relationships: [{ type: 'some', flags: ['once', 'drain'] }],
      summary: 'Worker with --once or --drain: stop claiming after this time, and exit with 7.',
    }),
    'wait-database': waitDatabaseFlag,
  };

  static override remote = true;

  static override configFlags = {
    mode: 'mode',
    'device-id': 'worker.device_id',
    slots: 'worker.max_concurrent_tasks',
    ...MASTER_KEYS,
    leader: 'worker.leader',
  };

  async run(): Promise<StartResult> {
    const { flags } = await this.parse(Start);
    const { mode } = (await this.loadConfig()).config;
    const limits = { maxTimeS: flags['max-time'], waitDatabaseS: flags['wait-database'] };
    if (mode === 'worker') return this.runWorker(flags.once ? 'once' : flags.drain ? 'drain' : 'forever', limits);
    if (mode !== 'master') throw noMode();
    refuseWorkerFlags(flags);
    return this.runLeader({ once: flags.once, ...limits });
  }
}
