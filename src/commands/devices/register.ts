import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { jsonFlag } from '../../cli/flags/flags.ts';
import { operator } from '../../cli/operator.ts';
import type { RegisteredDevice } from '../../core/devices/operate-devices.ts';

export type DevicesRegisterResult = RegisteredDevice;

export default class DevicesRegister extends BaseCommand {
  static override aliases = ['register'];
  static override summary = 'Create the row of a device before its first start.';
  static override description =
    'This command is optional: a worker registers itself when it starts, and overwrites all of these values. Until then the device is offline. If the row exists, only the given values change. The command refuses to change a running device (exit code 5).';
  static override examples = [
    `<%= config.bin %> devices register --device-id worker-001 --device-name "Worker Node 1" --ip-address 192.168.1.100 --port 8001 --capabilities '{"supported_tasks":["sync_apps"],"proxy_support":true}'`,
    '<%= config.bin %> register --device-id worker-002',
  ];
  static override flags = {
    'device-id': Flags.string({
      required: true,
      helpValue: 'ID',
      summary: 'Device id: letters, digits, ".", "_" and "-"; at most 64 characters.',
    }),
    'device-name': Flags.string({ helpValue: 'NAME', summary: 'Display name (default: the device id).' }),
    'device-type': Flags.option({
      options: ['worker', 'master'] as const,
      summary: 'Type of the device (default: worker).',
    })(),
    'ip-address': Flags.string({ helpValue: 'ADDRESS', summary: 'IP address of the device.' }),
    port: Flags.integer({ min: 0, max: 65_535, helpValue: 'PORT', summary: 'Port of the device; 0 means none.' }),
    capabilities: jsonFlag({ summary: 'Capabilities as a JSON object, including supported_tasks.' }),
    slots: Flags.integer({
      min: 1,
      helpValue: 'N',
      summary: 'Maximum number of concurrent tasks (max_concurrent_tasks).',
    }),
  };

  async run(): Promise<DevicesRegisterResult> {
    const { flags } = await this.parse(DevicesRegister);
    return this.withContext(async (context) => {
      const { registerDevice } = await import('../../core/devices/operate-devices.ts');
      const registered = await registerDevice(
        context,
        {
          ...{ device_id: flags['device-id'], device_name: flags['device-name'], device_type: flags['device-type'] },
          ...{ ip_address: flags['ip-address'], port: flags.port, capabilities: flags.capabilities },
          max_concurrent_tasks: flags.slots,
        },
        operator(undefined),
      );
      const { renderRegistered } = await import('../../cli/render/operated.ts');
      this.log(renderRegistered(registered));
      return registered;
    });
  }
}
