import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { KeyRow } from '../../core/access/manage-keys.ts';

export interface KeysRevokeResult {
  key: KeyRow;
}

export default class KeysRevoke extends BaseCommand {
  static override summary = 'End an API key: every gateway refuses it within 5 seconds.';
  static override description = 'A key that was revoked stays so; its row stays in the list.';
  static override examples = ['<%= config.bin %> keys revoke k3Jd92Qa'];
  static override args = {
    key: Args.string({ required: true, description: 'Id of the key, as "afd keys ls" shows it.' }),
  };

  async run(): Promise<KeysRevokeResult> {
    const { args } = await this.parse(KeysRevoke);
    return this.withContext(async (context) => {
      const { endKey } = await import('../../core/access/manage-keys.ts');
      const { operator } = await import('../../cli/operator.ts');
      const key = await endKey(context, args.key, operator(undefined));
      const { renderRevoked } = await import('../../cli/render/access/keys.ts');
      this.log(renderRevoked(key));
      return { key };
    });
  }
}
