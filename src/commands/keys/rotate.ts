import { Args } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import type { KeyRow, MadeKey } from '../../core/access/manage-keys.ts';

export type KeysRotateResult = MadeKey & { old: KeyRow };

export default class KeysRotate extends BaseCommand {
  static override summary = 'Replace an API key: the old one stays valid for a while.';
  static override description =
    'The new key has the same name, role and device, and is printed, this once. Bring it to its user before the old one ends.';
  static override examples = [
    '<%= config.bin %> keys rotate k3Jd92Qa',
    '<%= config.bin %> keys rotate k3Jd92Qa --overlap 7d --valid-for 365d',
  ];
  static override args = {
    key: Args.string({ required: true, description: 'Id of the key, as "afd keys ls" shows it.' }),
  };
  static override flags = {
    overlap: durationFlag({ summary: 'Time for which the old key is still valid, at most 30d (default: 1d).' }),
    'valid-for': durationFlag({ summary: 'Time until the new key is refused, at most 365d (default: 90d).' }),
  };

  async run(): Promise<KeysRotateResult> {
    const { args, flags } = await this.parse(KeysRotate);
    return this.withContext(async (context) => {
      const { DEFAULT_LIFETIME_S, DEFAULT_OVERLAP_S, rotateKey } = await import('../../core/access/manage-keys.ts');
      const { operator } = await import('../../cli/operator.ts');
      const overlapS = flags.overlap ?? DEFAULT_OVERLAP_S;
      const lifetimeS = flags['valid-for'] ?? DEFAULT_LIFETIME_S;
      const rotated = await rotateKey(context, args.key, { overlapS, lifetimeS }, operator(undefined));
      const { renderRotatedKey } = await import('../../cli/render/access/keys.ts');
      await this.logOnce(rotated.text, [`afd keys revoke ${rotated.key.key_id}`, `afd keys rotate ${args.key}`]);
      this.note(renderRotatedKey(rotated));
      return rotated;
    });
  }
}
