import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { deviceIdArg } from '../../cli/flags/device-args.ts';
import { operator } from '../../cli/operator.ts';
import type { RemovedDevice } from '../../core/devices/operate-devices.ts';

export interface DevicesRmResult {
  devices: RemovedDevice[];
}

export default class DevicesRm extends BaseCommand {
  static override summary = 'Remove devices that will not come back, and keep their history.';
  static override description =
    'A device that is alive or holds open attempts is refused with exit code 5. With --force it is removed anyway: the leader takes back its tasks (cause device_removed), and its process, if it still runs, stops at its next heartbeat.';
  static override examples = [
    '<%= config.bin %> devices rm worker-001',
    '<%= config.bin %> devices rm worker-001 --force',
  ];
  static override args = { device_id: deviceIdArg({ required: true, multiple: true }) };
  static override flags = { force: Flags.boolean({ summary: 'Remove devices even if they are alive or hold tasks.' }) };

  async run(): Promise<DevicesRmResult> {
    const { args, flags } = await this.parse(DevicesRm);
    return this.withContext(async (context) => {
      const { removeDevices } = await import('../../core/devices/operate-devices.ts');
      const devices = await removeDevices(context, args.device_id, { force: flags.force, by: operator(undefined) });
      const { renderRemoved } = await import('../../cli/render/operated.ts');
      for (const device of devices) this.log(renderRemoved(device));
      return { devices };
    });
  }
}
