import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { jsonFlag } from '../../cli/flags/flags.ts';
import type { RegisteredDevice } from '../../core/devices/operate-devices.ts';

export type DevicesRegisterResult = RegisteredDevice;

export default class DevicesRegister extends BaseCommand {
  static override aliases = ['register'];
  static override summary = 'Write the row of a device by hand, before it runs for the first time.';
  static override description =
    'Not needed: a worker registers itself when it starts, and writes over all of this. The device is offline until then. Of one that is there only what is given changes; one that is running is refused (exit 5).';
  static override examples = [
    `<%= config.bin %> devices register --device-id worker-001 --device-name "Worker Node 1" --ip-address 192.168.1.100 --port 8001 --capabilities '{"supported_tasks":["sync_apps"],"proxy_support":true}'`,
    '<%= config.bin %> register --device-id worker-002',
  ];
  static override flags = {
    'device-id': Flags.string({
      required: true,
      helpValue: 'ID',
      summary: 'Letters, digits, ".", "_", "-"; at most 64.',
    }),
    'device-name': Flags.string({ helpValue: 'NAME', summary: 'For people; the id unless given.' }),
    'device-type': Flags.option({ options: ['worker', 'master'] as const, summary: 'worker unless given.' })(),
    'ip-address': Flags.string({ helpValue: 'ADDRESS', summary: 'Where it is.' }),
    port: Flags.integer({ min: 0, max: 65_535, helpValue: 'PORT', summary: 'Its port; 0 = none.' }),
    capabilities: jsonFlag({ summary: 'What it can, supported_tasks among it.' }),
    slots: Flags.integer({ min: 1, helpValue: 'N', summary: 'Tasks at the same time (max_concurrent_tasks).' }),
  };

  async run(): Promise<DevicesRegisterResult> {
    const { flags } = await this.parse(DevicesRegister);
    return this.withContext(async (context) => {
      const { registerDevice } = await import('../../core/devices/operate-devices.ts');
      const registered = await registerDevice(context, {
        ...{ device_id: flags['device-id'], device_name: flags['device-name'], device_type: flags['device-type'] },
        ...{ ip_address: flags['ip-address'], port: flags.port, capabilities: flags.capabilities },
        max_concurrent_tasks: flags.slots,
      });
      const { renderRegistered } = await import('../../cli/render/operated.ts');
      this.log(renderRegistered(registered));
      return registered;
    });
  }
}
