import { BaseCommand } from '../../cli/base-command.ts';
import { operator } from '../../cli/operator.ts';
import type { RotatedSecrets } from '../../core/secrets/rotate-secrets.ts';

export type SecretsRotateResult = RotatedSecrets;

export default class SecretsRotate extends BaseCommand {
  static override summary = 'Encrypt every secret again, with the newest key.';
  static override description =
    'The newest key is the first one of the key file; the old ones must still be in it. Each secret is changed by one statement, so the command may be stopped at any time and run again. Values and versions stay as they are. The signing secrets of webhooks are secrets too: those that were stored before there was a key are encrypted for the first time.';
  static override examples = [
    '<%= config.bin %> secrets key afd-secrets.key --add',
    '<%= config.bin %> secrets rotate',
  ];

  async run(): Promise<SecretsRotateResult> {
    await this.parse(SecretsRotate);
    return this.withContext(async (context) => {
      const { rotateSecrets } = await import('../../core/secrets/rotate-secrets.ts');
      const rotated = await rotateSecrets(context, operator(undefined));
      const { renderRotated } = await import('../../cli/render/access/secret.ts');
      this.log(renderRotated(rotated));
      return rotated;
    });
  }
}
