import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { AuditCheckpoint } from '../../core/audit/audit-checkpoint.ts';

export type AuditCheckpointResult = AuditCheckpoint;

export default class AuditCheckpointCommand extends BaseCommand {
  static override summary = 'Sign the newest row of the audit log, to keep outside the database.';
  static override description =
    'Prints one line of JSON: id and hash of the row, the time, and an Ed25519 signature. With it, "afd audit verify" finds out later whether anything up to that row was written anew or cut off. Make the key once: openssl genpkey -algorithm ed25519 -out audit.key; openssl pkey -in audit.key -pubout -out audit.pub';
  static override examples = ['<%= config.bin %> audit checkpoint --key audit.key >> checkpoints.jsonl'];
  static override flags = {
    key: Flags.string({
      required: true,
      helpValue: 'FILE',
      summary: 'Ed25519 private key in PEM, which no other user can read.',
    }),
  };

  async run(): Promise<AuditCheckpointResult> {
    const { flags } = await this.parse(AuditCheckpointCommand);
    return this.withContext(async (context) => {
      const { makeCheckpoint } = await import('../../core/audit/audit-checkpoint.ts');
      const made = await makeCheckpoint(context, flags.key, process.getuid?.());
      this.log(JSON.stringify(made));
      return made;
    });
  }
}
