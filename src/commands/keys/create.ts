import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import type { MadeKey } from '../../core/access/manage-keys.ts';
import { ROLES } from '../../core/access/roles.ts';

export type KeysCreateResult = MadeKey;

export default class KeysCreate extends BaseCommand {
  static override summary = 'Make an API key for the HTTP API.';
  static override description =
    'Prints the key, this once: the database has only a hash of it. viewer sees tasks and devices; operator also adds and changes tasks and operates devices; submitter adds tasks, and sees and cancels those that it has added; device claims and reports tasks; admin changes settings, webhooks, keys and users, and does what an operator does. Gateways ask for keys with server.auth: keys.';
  static override examples = [
    '<%= config.bin %> keys create "report page" --role viewer',
    '<%= config.bin %> keys create worker-001 --role device --device worker-001 --valid-for 365d',
    '<%= config.bin %> keys create alice --role admin',
  ];
  static override args = { name: Args.string({ required: true, description: 'Whose it is, or what for.' }) };
  static override flags = {
    role: Flags.option({ options: ROLES, required: true, summary: 'What it may do.' })(),
    device: Flags.string({ helpValue: 'ID', summary: 'Only for the device with this id; for the role device.' }),
    'valid-for': durationFlag({ summary: 'Time until it is refused, at most 365d (default: 90d).' }),
  };

  async run(): Promise<KeysCreateResult> {
    const { args, flags } = await this.parse(KeysCreate);
    return this.withContext(async (context) => {
      const { DEFAULT_LIFETIME_S, makeKey } = await import('../../core/access/manage-keys.ts');
      const { operator } = await import('../../cli/operator.ts');
      const lifetimeS = flags['valid-for'] ?? DEFAULT_LIFETIME_S;
      const given = { name: args.name, role: flags.role, device_id: flags.device ?? null, lifetimeS };
      const made = await makeKey(context, given, operator(undefined));
      const { renderMade } = await import('../../cli/render/access/keys.ts');
      await this.logOnce(made.text, [`afd keys revoke ${made.key.key_id}`]);
      this.note(renderMade(made));
      return made;
    });
  }
}
