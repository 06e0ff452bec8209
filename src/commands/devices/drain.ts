import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { deviceIdArg } from '../../cli/flags/device-args.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import { operator } from '../../cli/operator.ts';
import type { StatedDevice } from '../../core/devices/operate-devices.ts';

export interface DevicesDrainResult {
  devices: StatedDevice[];
}

export default class DevicesDrain extends BaseCommand {
  static override summary = 'Drain devices: they stop claiming, and their running tasks may finish.';
  static override description =
    'Their processes keep running; "devices resume" lets them claim again. With --wait, the command returns when no task runs on these devices any more, or exits with 7 after --timeout. Ctrl-C ends only the waiting, not the draining.';
  static override examples = ['<%= config.bin %> devices drain worker-001 --wait --timeout 10m'];
  static override args = { device_id: deviceIdArg({ required: true, multiple: true }) };
  static override flags = {
    wait: Flags.boolean({ summary: 'Wait until no task runs on these devices.' }),
    timeout: durationFlag({
      dependsOn: ['wait'],
      summary: 'Give up waiting after this time (default: wait indefinitely).',
    }),
  };

  async run(): Promise<DevicesDrainResult> {
    const { args, flags } = await this.parse(DevicesDrain);
    return this.withContext(async (context) => {
      const { setOperatorStates, waitUntilEmpty } = await import('../../core/devices/operate-devices.ts');
      let devices = await setOperatorStates(
        context,
        args.device_id,
        'draining',
        'afd devices drain',
        operator(undefined),
      );
      if (flags.wait) devices = await waitUntilEmpty(context, devices, flags.timeout);
      const { renderOperated } = await import('../../cli/render/operated.ts');
      for (const device of devices) this.log(renderOperated(device));
      return { devices };
    });
  }
}
