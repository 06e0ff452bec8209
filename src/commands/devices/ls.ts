import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { Device } from '../../core/devices/devices.ts';

export interface DevicesLsResult {
  devices: Device[];
}

export default class DevicesLs extends BaseCommand {
  static override summary = 'List the devices: who is alive, who leads, and how many tasks each runs.';
  static override description =
    'A device that says it is online but has been silent for longer than master.heartbeat_timeout is shown as offline (silent).';
  static override examples = [
    '<%= config.bin %> devices ls',
    '<%= config.bin %> devices ls --status online --type sync_data',
  ];

  static override flags = {
    status: Flags.option({ options: ['online', 'busy', 'offline'] as const, summary: 'Only devices shown so.' })(),
    state: Flags.option({
      options: ['active', 'paused', 'draining', 'quarantined'] as const,
      summary: 'Only devices that an operator set to this.',
    })(),
    type: Flags.string({ helpValue: 'T', summary: 'Only devices that handle this task type.' }),
    limit: Flags.integer({ helpValue: 'N', min: 1, summary: 'At most so many.' }),
  };

  async run(): Promise<DevicesLsResult> {
    const { flags } = await this.parse(DevicesLs);
    const { status, state: operator_state, type: task_type, limit } = flags;
    return this.withContext(async (context) => {
      const { listDevices } = await import('../../core/devices/devices.ts');
      const devices = await listDevices(context, { status, operator_state, task_type, limit });
      const { renderDevices } = await import('../../cli/render/device.ts');
      const filtered = [status, operator_state, task_type].some((one) => one !== undefined);
      this.log(renderDevices(devices, { ...(await this.renderOptions()), filtered }));
      return { devices };
    });
  }
}
