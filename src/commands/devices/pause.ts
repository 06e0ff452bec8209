import { BaseCommand } from '../../cli/base-command.ts';
import { deviceIdArg } from '../../cli/flags/device-args.ts';
import { operator } from '../../cli/operator.ts';
import type { StatedDevice } from '../../core/devices/operate-devices.ts';

export interface DevicesPauseResult {
  devices: StatedDevice[];
}

export default class DevicesPause extends BaseCommand {
  static override summary = 'Stop devices from claiming until they are resumed.';
  static override description =
    'Running tasks may finish. The state survives a restart. Tasks directed at a paused device are released, so that any device may claim them.';
  static override examples = ['<%= config.bin %> devices pause worker-001', '<%= config.bin %> devices pause w1 w2'];
  static override args = { device_id: deviceIdArg({ required: true, multiple: true }) };

  async run(): Promise<DevicesPauseResult> {
    const { args } = await this.parse(DevicesPause);
    return this.withContext(async (context) => {
      const { setOperatorStates } = await import('../../core/devices/operate-devices.ts');
      const devices = await setOperatorStates(
        context,
        args.device_id,
        'paused',
        'afd devices pause',
        operator(undefined),
      );
      const { renderOperated } = await import('../../cli/render/operated.ts');
      for (const device of devices) this.log(renderOperated(device));
      return { devices };
    });
  }
}
