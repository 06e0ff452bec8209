import { BaseCommand } from '../../cli/base-command.ts';
import { secretNameArg } from '../../cli/flags/secret-args.ts';
import { operator } from '../../cli/operator.ts';

export interface SecretsRmResult {
  name: string;
  removed: boolean;
}

export default class SecretsRm extends BaseCommand {
  static override summary = 'Remove a secret with all its grants.';
  static override description =
    'Attempts that run keep the value that they were given. A task that refers to the secret afterwards fails for good.';
  static override examples = ['<%= config.bin %> secrets rm shop/42'];
  static override args = { name: secretNameArg({ required: true }) };

  async run(): Promise<SecretsRmResult> {
    const { args } = await this.parse(SecretsRm);
    return this.withContext(async (context) => {
      const { removeSecret } = await import('../../core/secrets/manage-secrets.ts');
      await removeSecret(context, args.name, operator(undefined));
      this.log(`${args.name} was removed.`);
      return { name: args.name, removed: true };
    });
  }
}
