import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { Device } from '../../core/devices/devices.ts';

export interface DevicesLsResult {
  devices: Device[];
}

export default class DevicesLs extends BaseCommand {
  static override summary = 'List devices with their role, status and number of running tasks.';
  static override description =
    'A device whose row says online, but whose last heartbeat is older than master.heartbeat_timeout, is shown as offline (silent).';
  static override examples = [
    '<%= config.bin %> devices ls',
    '<%= config.bin %> devices ls --status online --type sync_data',
  ];

  static override flags = {
    status: Flags.option({
      options: ['online', 'busy', 'offline'] as const,
      summary: 'Only devices with this status.',
    })(),
    state: Flags.option({
      options: ['active', 'paused', 'draining', 'quarantined'] as const,
      summary: 'Only devices that an operator set to this state.',
    })(),
    type: Flags.string({ helpValue: 'T', summary: 'Only devices that handle this task type.' }),
    limit: Flags.integer({ helpValue: 'N', min: 1, summary: 'Maximum number of devices to list.' }),
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
