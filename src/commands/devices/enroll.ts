import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { EnrolledDevice } from '../../core/certificates/enroll.ts';

export type DevicesEnrollResult = EnrolledDevice;

export default class DevicesEnroll extends BaseCommand {
  static override summary = 'Get the certificate of this device, with a code of "afd devices invite".';
  static override description =
    'Makes a key in a file that only you can read; it stays on this device. The gateway signs a certificate for it. Run the same command again if it was interrupted. A remote worker shows the certificate in place of an API key, and renews it. Needs no database.';
  static override examples = [
    '<%= config.bin %> devices enroll --gateway https://gateway.example:8443 --code k3Jd92QaXv81LmZ0pR4tYw7c',
    '<%= config.bin %> devices enroll --code k3Jd92QaXv81LmZ0pR4tYw7c --ca gateway-ca.pem',
  ];
  static override flags = {
    code: Flags.string({ required: true, summary: 'The code.' }),
    gateway: Flags.string({ helpValue: 'URL', summary: 'URL of the gateway (default: worker.gateway).' }),
    'device-id': Flags.string({
      helpValue: 'ID',
      summary: 'Refuse a code for another device (default: worker.device_id).',
    }),
    cert: Flags.string({
      helpValue: 'FILE',
      summary: 'File for the certificate (default: worker.tls_cert, or afd-device.pem).',
    }),
    key: Flags.string({ helpValue: 'FILE', summary: 'File for the key (default: worker.tls_key, or afd-device.key).' }),
    ca: Flags.string({
      helpValue: 'FILE',
      summary: 'File with the authority of the gateway (default: worker.tls_ca).',
    }),
  };
  static override configFlags = { gateway: 'worker.gateway', 'device-id': 'worker.device_id' };

  async run(): Promise<DevicesEnrollResult> {
    const { flags } = await this.parse(DevicesEnroll);
    const { enroll, enrollOptions } = await import('../../core/certificates/enroll.ts');
    const { resolveConfig } = await import('../../core/config/load-config.ts');
    const file = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
    const files = { cert: file(flags.cert), key: file(flags.key), ca: file(flags.ca) };
    const resolved = await resolveConfig(this.loadOptions());
    const options = enrollOptions(resolved, { ...files, code: flags.code });
    const enrolled = await enroll(options);
    const { renderEnrolled } = await import('../../cli/render/access/certificates.ts');
    this.log(renderEnrolled(enrolled, options, resolved));
    return enrolled;
  }
}
