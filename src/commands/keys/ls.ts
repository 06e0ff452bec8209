import { BaseCommand } from '../../cli/base-command.ts';
import type { KeyRow } from '../../core/access/manage-keys.ts';

export interface KeysLsResult {
  keys: KeyRow[];
}

export default class KeysLs extends BaseCommand {
  static override summary = 'List API keys: roles, ends and last uses, never the keys themselves.';
  static override examples = ['<%= config.bin %> keys ls', '<%= config.bin %> keys ls --json'];

  async run(): Promise<KeysLsResult> {
    await this.parse(KeysLs);
    return this.withContext(async (context) => {
      const { allKeys } = await import('../../core/access/manage-keys.ts');
      const keys = await allKeys(context);
      const { renderKeys } = await import('../../cli/render/access/keys.ts');
      this.log(renderKeys(keys, (await this.renderOptions()).width));
      return { keys };
    });
  }
}
