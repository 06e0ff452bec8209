import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { secretNameArg } from '../../cli/flags/secret-args.ts';
import { AfdError } from '../../core/domain/errors.ts';
import type { StoredSecret } from '../../core/secrets/manage-secrets.ts';

export type SecretsSetResult = StoredSecret;

const HELP = 'afd secrets set --help';

export default class SecretsSet extends BaseCommand {
  static override summary = 'Store a secret, such as the account of a crawler, encrypted.';
  static override description =
    'The value is read from standard input, without the line feed at its end; on a terminal it is asked for and not shown. It is never an argument, because other users can see those. If the secret exists, the value becomes its next version. No task may use a secret before "afd secrets grant".';
  static override examples = [
    '<%= config.bin %> secrets set shop/42',
    '<%= config.bin %> secrets set shop/42 --format json < account.json',
  ];
  static override args = { name: secretNameArg({ required: true }) };
  static override flags = {
    format: Flags.option({
      options: ['text', 'json'] as const,
      default: 'text' as const,
      summary: 'What the value is: a text, or JSON, which handlers get as an object.',
    })(),
  };
  // What follows the name may be a value, and no error repeats it.
  static override strict = false;

  async run(): Promise<SecretsSetResult> {
    const { args, flags, argv } = await this.parse(SecretsSet);
    if (argv.length > 1) {
      const message = 'The value of a secret is read from standard input, not from the command line.';
      throw new AfdError('E_USAGE', message, { suggestions: [HELP] });
    }
    return this.withContext(async (context) => {
      const { setSecret } = await import('../../core/secrets/manage-secrets.ts');
      const { operator } = await import('../../cli/operator.ts');
      const { hiddenValue } = await import('../../cli/ask/hidden-input.ts');
      const value = () => hiddenValue(`Value of ${args.name}:`, flags.format, HELP);
      const stored = await setSecret(context, { name: args.name, value, by: operator(undefined) });
      const short = stored.unmasked.join(', ');
      if (short !== '') this.note(`shorter than 6 characters, so not masked in logs: ${short}.`);
      const { renderStored } = await import('../../cli/render/access/secret.ts');
      this.log(renderStored(stored));
      return stored;
    });
  }
}
