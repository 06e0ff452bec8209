import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { DeviceDetail } from '../../core/devices/devices.ts';

/** The device at the top level, as in `tasks show`; `device` repeats it. */
export type DevicesShowResult = DeviceDetail & { device: DeviceDetail };

export default class DevicesShow extends BaseCommand {
  static override summary = 'Show one device: its state, its latest readings, and its tasks.';
  static override examples = ['<%= config.bin %> devices show worker-001'];
  static override args = {
    device_id: Args.string({ required: true, description: 'Device id, as printed by "afd devices ls".' }),
  };

  async run(): Promise<DevicesShowResult> {
    const { args } = await this.parse(DevicesShow);
    return this.withContext(async (context) => {
      const { showDevice } = await import('../../core/devices/devices.ts');
      const device = await showDevice(context, args.device_id);
      const { renderDevice } = await import('../../cli/render/device.ts');
      this.log(renderDevice(device, await this.renderOptions()));
      return { ...device, device };
    });
  }
}
