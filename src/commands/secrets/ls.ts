import { BaseCommand } from '../../cli/base-command.ts';
import type { SecretFacts } from '../../core/secrets/manage-secrets.ts';

export interface SecretsLsResult {
  secrets: SecretFacts[];
}

export default class SecretsLs extends BaseCommand {
  static override summary = 'List secrets: versions, keys and grants, never values.';
  static override description = 'No key is needed. No command of afd prints the value of a secret.';
  static override examples = ['<%= config.bin %> secrets ls', '<%= config.bin %> secrets ls --json'];

  async run(): Promise<SecretsLsResult> {
    await this.parse(SecretsLs);
    return this.withContext(async (context) => {
      const { allSecrets } = await import('../../core/secrets/manage-secrets.ts');
      const secrets = await allSecrets(context);
      const { renderSecrets } = await import('../../cli/render/access/secret.ts');
      this.log(renderSecrets(secrets, (await this.renderOptions()).width));
      return { secrets };
    });
  }
}
