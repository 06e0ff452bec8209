import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { VerifiedAudit } from '../../core/audit/verify-audit.ts';

export type AuditVerifyResult = VerifiedAudit;

export default class AuditVerify extends BaseCommand {
  static override summary = 'Find the first row of the audit log that was changed, removed or moved.';
  static override description =
    'Reads the whole log. Exits with 1 and names the first bad row. A log that was written anew as a whole, or cut off together with the row that names its newest row, is found only with a checkpoint that was signed before ("afd audit checkpoint").';
  static override examples = [
    '<%= config.bin %> audit verify',
    '<%= config.bin %> audit verify --from-checkpoint checkpoints.jsonl --public-key audit.pub',
  ];
  static override flags = {
    'from-checkpoint': Flags.string({
      dependsOn: ['public-key'],
      helpValue: 'FILE',
      summary: 'Compare the log with the signed checkpoints of this file, one a line.',
    }),
    'public-key': Flags.string({
      dependsOn: ['from-checkpoint'],
      helpValue: 'FILE',
      summary: 'Ed25519 public key of the checkpoints, in PEM.',
    }),
  };

  async run(): Promise<AuditVerifyResult> {
    const { flags } = await this.parse(AuditVerify);
    const { 'from-checkpoint': file, 'public-key': key } = flags;
    const { readCheckpoints } = await import('../../core/audit/audit-checkpoint.ts');
    const checkpoints = file === undefined ? [] : await readCheckpoints(file, key!);
    return this.withContext(async (context) => {
      const { verifyAudit } = await import('../../core/audit/verify-audit.ts');
      const { withProgress } = await import('../../cli/progress.ts');
      const verified = await withProgress('Reading the audit log', { quiet: this.jsonEnabled() }, ({ show }) =>
        verifyAudit(context, checkpoints, (rows) => show(`${rows} rows`)),
      );
      const { renderVerified } = await import('../../cli/render/access/audit.ts');
      this.log(renderVerified(verified));
      if (!verified.intact) this.exitWith(1);
      return verified;
    });
  }
}
