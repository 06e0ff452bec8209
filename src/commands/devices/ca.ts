import { resolve } from 'node:path';
import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { MadeAuthority } from '../../core/certificates/make-authority.ts';

export type DevicesCaResult = MadeAuthority;

export default class DevicesCa extends BaseCommand {
  static override summary = 'Make the authority that signs device certificates, as two files.';
  static override description =
    'NAME.pem is its certificate, NAME.key is its key, which only you can read. A gateway that has both signs certificates for devices that are invited; one that has the certificate accepts them. The authority is valid for 10 years. Needs no database.';
  static override examples = ['<%= config.bin %> devices ca', '<%= config.bin %> devices ca /etc/afd/devices'];
  static override args = {
    name: Args.string({ default: 'afd-devices', description: 'Path of the files, without .pem and .key.' }),
  };

  async run(): Promise<DevicesCaResult> {
    const { args } = await this.parse(DevicesCa);
    const { makeAuthority } = await import('../../core/certificates/make-authority.ts');
    const made = await makeAuthority(resolve(args.name));
    const { renderAuthority } = await import('../../cli/render/access/certificates.ts');
    this.log(renderAuthority(made));
    return made;
  }
}
