import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../../cli/base-command.ts';
import type { CertificateRow } from '../../../core/certificates/manage-certificates.ts';

export interface DevicesCertificatesRevokeResult {
  certificates: CertificateRow[];
}

export default class DevicesCertificatesRevoke extends BaseCommand {
  static override summary = 'End a certificate, or all certificates of a device, within 5 seconds.';
  static override description =
    'The codes of the device end too. A certificate of another authority is named by its SHA-256 fingerprint, with or without colons. What was revoked stays so.';
  static override examples = [
    '<%= config.bin %> devices certificates revoke --device worker-001',
    '<%= config.bin %> devices certificates revoke 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  ];
  static override args = {
    fingerprint: Args.string({
      description: 'Fingerprint of one certificate, as "afd devices certificates ls" shows it.',
    }),
  };
  static override flags = {
    device: Flags.string({ helpValue: 'ID', summary: 'All certificates and codes of the device with this id.' }),
  };

  async run(): Promise<DevicesCertificatesRevokeResult> {
    const { args, flags } = await this.parse(DevicesCertificatesRevoke);
    const { revoke } = await import('../../../core/certificates/manage-certificates.ts');
    const asked = { fingerprint: args.fingerprint, device_id: flags.device };
    return this.withContext(async (context) => {
      const { operator } = await import('../../../cli/operator.ts');
      const certificates = await revoke(context, asked, operator(undefined));
      const { renderRevokedCertificates } = await import('../../../cli/render/access/certificates.ts');
      this.log(renderRevokedCertificates(certificates));
      return { certificates };
    });
  }
}
