import { Flags } from '@oclif/core';
import { durationFlag, waitDatabaseFlag } from '../cli/flags/flags.ts';
import { gatewayFlags } from '../cli/flags/remote-flags.ts';
import { NodeCommand, type WorkerRun } from '../cli/node-command.ts';

export type WorkerCommandResult = WorkerRun;

export default class Worker extends NodeCommand {
  static override summary = 'Execute tasks on this device until a signal stops it.';

  static override description =
    `Registers the device, claims tasks that it can run, executes them and stores their results. On SIGTERM, SIGHUP or Ctrl-C the worker drains: it claims no new tasks, and running tasks may finish within worker.shutdown_timeout. A second signal releases them at once.

Exit codes with --once and --drain: 0 when no more tasks were due, or after SIGTERM; 5 when this device id is already in use by a running process; 6 when an attempt failed; 7 when --max-time was reached. These modes print only log lines: in cron, set AFD_LOG_LEVEL=warn, and a successful run prints nothing.`;

  static override examples = [
    '<%= config.bin %> worker',
    '<%= config.bin %> worker --device-id worker-001 --slots 10',
    '<%= config.bin %> worker --gateway https://gateway.example:8000',
    '<%= config.bin %> worker --once',
    '<%= config.bin %> worker --drain --max-time 50s',
  ];

  static override flags = {
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Device id (default: the host name).' }),
    slots: Flags.integer({ helpValue: 'N', summary: 'Maximum number of concurrent tasks.', min: 1 }),
    ...gatewayFlags,
    leader: Flags.boolean({ allowNo: true, summary: 'Take part in the leader election (default).' }),
    once: Flags.boolean({
      exclusive: ['drain'],
      summary: 'Claim once, execute the claimed tasks, then exit with 0, or 6 if any failed.',
    }),
    drain: Flags.boolean({
      summary: 'Execute tasks until none that this device may run is due, then exit with 0 or 6.',
    }),
    'max-time': durationFlag({
      relationships: [{ type: 'some', flags: ['once', 'drain'] }],
      summary: 'With --once or --drain: stop claiming after this time, let running tasks finish, and exit with 7.',
    }),
    'wait-database': waitDatabaseFlag,
  };

  static override remote = true;

  static override configFlags = {
    'device-id': 'worker.device_id',
    slots: 'worker.max_concurrent_tasks',
    gateway: 'worker.gateway',
    leader: 'worker.leader',
  };

  async run(): Promise<WorkerCommandResult> {
    const { flags } = await this.parse(Worker);
    return this.runWorker(flags.once ? 'once' : flags.drain ? 'drain' : 'forever', {
      maxTimeS: flags['max-time'],
      waitDatabaseS: flags['wait-database'],
    });
  }
}
