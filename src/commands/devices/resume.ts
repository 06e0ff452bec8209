import { BaseCommand } from '../../cli/base-command.ts';
import { deviceIdArg } from '../../cli/flags/device-args.ts';
import { operator } from '../../cli/operator.ts';
import type { StatedDevice } from '../../core/devices/operate-devices.ts';

export interface DevicesResumeResult {
  devices: StatedDevice[];
}

export default class DevicesResume extends BaseCommand {
  static override summary = 'Let paused, drained or quarantined devices claim tasks again.';
  static override examples = ['<%= config.bin %> devices resume worker-001'];
  static override args = { device_id: deviceIdArg({ required: true, multiple: true }) };

  async run(): Promise<DevicesResumeResult> {
    const { args } = await this.parse(DevicesResume);
    return this.withContext(async (context) => {
      const { setOperatorStates } = await import('../../core/devices/operate-devices.ts');
      const devices = await setOperatorStates(
        context,
        args.device_id,
        'active',
        'afd devices resume',
        operator(undefined),
      );
      const { renderOperated } = await import('../../cli/render/operated.ts');
      for (const device of devices) this.log(renderOperated(device));
      return { devices };
    });
  }
}
