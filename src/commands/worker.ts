import { Flags } from '@oclif/core';
import { durationFlag, waitDatabaseFlag } from '../cli/flags/flags.ts';
import { NodeCommand, type WorkerRun } from '../cli/node-command.ts';

export type WorkerCommandResult = WorkerRun;

export default class Worker extends NodeCommand {
  static override summary = 'Execute tasks on this device until it is told to stop.';

  static override description =
    `Registers the device, claims tasks that it can run, executes them and writes how they ended. SIGTERM, SIGHUP or Ctrl-C drains: no new tasks, what runs may finish (worker.shutdown_timeout); a second one gives everything back at once.

With --once and --drain the exit code is 0 when nothing more was due, 6 when an attempt failed, 7 when --max-time was up, 0 after SIGTERM, 5 when the device id runs already. They print nothing but log lines: in cron set AFD_LOG_LEVEL=warn, and nothing is printed while all goes well.`;

  static override examples = [
    '<%= config.bin %> worker',
    '<%= config.bin %> worker --device-id worker-001 --slots 10',
    '<%= config.bin %> worker --once',
    '<%= config.bin %> worker --drain --max-time 50s',
  ];

  static override flags = {
    'device-id': Flags.string({ helpValue: 'ID', summary: 'Name of this device; otherwise the host name.' }),
    slots: Flags.integer({ helpValue: 'N', summary: 'Tasks at the same time (max_concurrent_tasks).', min: 1 }),
    leader: Flags.boolean({ allowNo: true, summary: 'Take part in the election of the leader; the default.' }),
    once: Flags.boolean({ exclusive: ['drain'], summary: 'Claim once, execute that, exit 0, or 6 if any failed.' }),
    drain: Flags.boolean({ summary: 'Execute until nothing that this device may run is due, then exit: 0, or 6.' }),
    'max-time': durationFlag({
      relationships: [{ type: 'some', flags: ['once', 'drain'] }],
      summary: 'With --once or --drain: claim nothing more after this time, let what runs finish, exit 7.',
    }),
    'wait-database': waitDatabaseFlag,
  };

  static override configFlags = {
    'device-id': 'worker.device_id',
    slots: 'worker.max_concurrent_tasks',
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
