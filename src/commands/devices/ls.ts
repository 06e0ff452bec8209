import { BaseCommand } from '../../cli/base-command.ts';
import type { Device } from '../../core/devices.ts';

export interface DevicesLsResult {
  devices: Device[];
}

export default class DevicesLs extends BaseCommand {
  static override summary = 'List the devices: who is alive, who leads, and how many tasks each runs.';
  static override description =
    'A device that says it is online but has been silent for longer than master.heartbeat_timeout is shown as offline (silent).';
  static override examples = ['<%= config.bin %> devices ls', '<%= config.bin %> devices ls --json'];

  async run(): Promise<DevicesLsResult> {
    await this.parse(DevicesLs);
    return this.withContext(async (context) => {
      const { listDevices } = await import('../../core/devices.ts');
      const devices = await listDevices(context);
      const { renderDevices } = await import('../../cli/render/device.ts');
      this.log(renderDevices(devices, await this.renderOptions()));
      return { devices };
    });
  }
}
