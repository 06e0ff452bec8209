import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { deviceIdArg } from '../../cli/flags/device-args.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import type { StatedDevice } from '../../core/devices/operate-devices.ts';

export interface DevicesDrainResult {
  devices: StatedDevice[];
}

export default class DevicesDrain extends BaseCommand {
  static override summary = 'Empty devices: they claim nothing more, and what they run may finish.';
  static override description =
    'Their processes stay; "devices resume" lets them work again. With --wait: until nothing runs there any more, or exit 7 after --timeout. Ctrl-C ends the waiting alone.';
  static override examples = ['<%= config.bin %> devices drain worker-001 --wait --timeout 10m'];
  static override args = { device_id: deviceIdArg({ required: true, multiple: true }) };
  static override flags = {
    wait: Flags.boolean({ summary: 'Return when they are empty.' }),
    timeout: durationFlag({ dependsOn: ['wait'], summary: 'Wait at most so long.' }),
  };

  async run(): Promise<DevicesDrainResult> {
    const { args, flags } = await this.parse(DevicesDrain);
    return this.withContext(async (context) => {
      const { setOperatorStates, waitUntilEmpty } = await import('../../core/devices/operate-devices.ts');
      let devices = await setOperatorStates(context, args.device_id, 'draining', 'afd devices drain');
      if (flags.wait) devices = await waitUntilEmpty(context, devices, flags.timeout);
      const { renderOperated } = await import('../../cli/render/operated.ts');
      for (const device of devices) this.log(renderOperated(device));
      return { devices };
    });
  }
}
