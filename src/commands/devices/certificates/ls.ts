import { BaseCommand } from '../../../cli/base-command.ts';
import { deviceIdArg } from '../../../cli/flags/device-args.ts';
import type { CertificateRow } from '../../../core/certificates/manage-certificates.ts';

export interface DevicesCertificatesLsResult {
  certificates: CertificateRow[];
}

export default class DevicesCertificatesLs extends BaseCommand {
  static override summary = 'List device certificates: those that gateways issued or that were revoked.';
  static override description =
    'The newest first, at most 1,000. A certificate of another authority is in the list only after it was revoked.';
  static override examples = [
    '<%= config.bin %> devices certificates ls',
    '<%= config.bin %> devices certificates ls worker-001 --json',
  ];
  static override args = { device_id: deviceIdArg() };

  async run(): Promise<DevicesCertificatesLsResult> {
    const { args } = await this.parse(DevicesCertificatesLs);
    return this.withContext(async (context) => {
      const { allCertificates } = await import('../../../core/certificates/manage-certificates.ts');
      const certificates = await allCertificates(context, args.device_id);
      const { renderCertificates } = await import('../../../cli/render/access/certificates.ts');
      this.log(renderCertificates(certificates, (await this.renderOptions()).width));
      return { certificates };
    });
  }
}
