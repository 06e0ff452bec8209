import { resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { MadeKey } from '../../core/secrets/key-file.ts';

export type SecretsKeyResult = MadeKey;

export default class SecretsKey extends BaseCommand {
  static override summary = 'Make a new key for secrets in a file that only you can read.';
  static override description =
    'The key itself is not printed. Keep a copy of the file: without its key no secret opens. Needs no database.';
  static override examples = [
    '<%= config.bin %> secrets key afd-secrets.key',
    '<%= config.bin %> secrets key afd-secrets.key --add',
  ];
  static override args = { file: Args.string({ required: true, description: 'File to write.' }) };
  static override flags = {
    add: Flags.boolean({
      summary: 'Put the new key in front of those of a file that exists, for "afd secrets rotate".',
    }),
  };

  async run(): Promise<SecretsKeyResult> {
    const { args, flags } = await this.parse(SecretsKey);
    const { makeKeyFile } = await import('../../core/secrets/key-file.ts');
    const made = await makeKeyFile(resolve(args.file), { add: flags.add === true, uid: process.getuid?.() });
    const { renderKey } = await import('../../cli/render/access/secret.ts');
    this.log(renderKey(made));
    return made;
  }
}
