import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { auditFlags, objectOf } from '../../cli/flags/audit-flags.ts';
import type { AuditPage } from '../../core/audit/list-audit.ts';

export type AuditLsResult = AuditPage;

export default class AuditLs extends BaseCommand {
  static override summary = 'List what operators and administrators did, newest first.';
  static override description =
    'A row names who acted (key:ID, os:USER@HOST), from which address, what was done to what, and why. Instead of values it has their hashes.';
  static override examples = [
    '<%= config.bin %> audit ls',
    '<%= config.bin %> audit ls --object task:5',
    '<%= config.bin %> audit ls --actor key:k3Jd92Qa --since 2d',
  ];
  static override flags = {
    ...auditFlags,
    limit: Flags.integer({ helpValue: 'N', min: 1, max: 1000, default: 50, summary: 'Show at most N rows.' }),
    cursor: Flags.string({ helpValue: 'CURSOR', summary: 'Go on where the list before ended.' }),
  };

  async run(): Promise<AuditLsResult> {
    const { flags } = await this.parse(AuditLs);
    const { since, actor, action, object, limit, cursor } = flags;
    return this.withContext(async (context) => {
      const { listAudit } = await import('../../core/audit/list-audit.ts');
      const page = await listAudit(context, { since, actor, action, ...objectOf(object) }, { limit, cursor });
      const { renderAudit } = await import('../../cli/render/access/audit.ts');
      this.log(renderAudit(page, (await this.renderOptions()).width));
      return page;
    });
  }
}
